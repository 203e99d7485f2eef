import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Flow } from '../flow.ts'

/** A process that starts with bad settings lists everything that is wrong, and where each value comes from. */
export const configurationFlow: Flow = {
  title: '7. Configuration: all mistakes at once, each with its origin',
  run: async (_stack, transcript) => {
    const server = join(dirname(fileURLToPath(import.meta.resolve('@sallyport/order-service'))), 'server.ts')
    const environment = {
      PATH: process.env.PATH,
      PORT: 'eighty',
      SALLYPORT_ISSUER: 'https://localhost:8081',
      SALLYPORT_ISUER: 'a typo'
    }
    transcript.note(
      `PORT=eighty SALLYPORT_ISSUER=https://localhost:8081 SALLYPORT_ISUER='a typo' npx node --conditions=@sallyport/source ${server}`
    )
    const { status, stderr } = spawnSync(process.execPath, ['--conditions=@sallyport/source', server], {
      env: environment,
      encoding: 'utf8'
    })
    for (const line of stderr.trim().split('\n')) transcript.note(line)
    transcript.check(status === 1, 'the process does not start')
    transcript.check(
      /PORT/.test(stderr) && /SALLYPORT_ISUER/.test(stderr) && /DATABASE_URL/.test(stderr),
      'and names every mistake'
    )
  }
}
