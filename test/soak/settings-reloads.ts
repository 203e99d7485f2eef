import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Soak } from './types.ts'

const RELOADS = 100
const TEST = fileURLToPath(new URL('../reference-gateway/live-settings.test.ts', import.meta.url))

/** The gateway's settings are read again a hundred times under load, bad ones between; `npm test` has a sample. */
export const settingsReloads: Soak = async log => {
  log(`${RELOADS} reloads under load`)
  const child = spawn(process.execPath, ['--conditions=@sallyport/source', TEST], {
    env: { ...process.env, SALLYPORT_TEST_RELOADS: String(RELOADS) },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += String(chunk)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const failures = output.split('\n').filter(line => /^\s*not ok /.test(line))
  const requests = Number(/(\d+) requests/.exec(output)?.[1] ?? 0)
  return {
    counts: { reloads: RELOADS, requests },
    broken: code === 0 && requests > 0 ? [] : [`exit code ${code}`, ...failures.map(line => line.trim())]
  }
}
