import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@sallyport/local'
import t from 'tap'

/** The test's own limit ends the wait. */
async function gone(pid: number): Promise<boolean> {
  for (; ; await delay(20)) {
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
  }
}

t.test('after kill -9 of a launcher its database ends by itself, and the next start finds the data', async t => {
  const directory = join(mkdtempSync(join(tmpdir(), 'sallyport-keeper-')), 'cluster')
  const launcher = fork(fileURLToPath(new URL('support/launcher.ts', import.meta.url)), [directory], {
    execArgv: ['--conditions=@sallyport/source']
  })
  const [{ postgres, dataDirectory }] = (await once(launcher, 'message')) as [
    { postgres: number; dataDirectory: string }
  ]
  launcher.kill('SIGKILL')
  t.ok(await gone(postgres), 'no database is left')
  const next = await startPostgres({ directory, keeper: true })
  await next.stop()
  t.equal(await next.ended, 'exit code 0')
  rmSync(dirname(dirname(dataDirectory)), { recursive: true, force: true })
})
