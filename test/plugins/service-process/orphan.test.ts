import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startService } from './support/service-run.ts'

const LAUNCHER = fileURLToPath(new URL('support/launcher.ts', import.meta.url))

/** Kills the launcher of a service that writes much; resolves when the service is gone and its port is free. */
async function orphan(t: Test): Promise<void> {
  const launcher = fork(LAUNCHER, ['0', 'chatty', '0', '500'], { execArgv: ['--conditions=@sallyport/source'] })
  const [{ pid, url }] = (await once(launcher, 'message')) as [{ pid: number; url: string }]
  t.after(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  launcher.kill('SIGKILL')
  await once(launcher, 'exit')
  while (isAlive(pid)) await delay(20)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNREFUSED')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

t.test('P2: a service whose launcher was killed while it wrote much ends by itself and frees its port', async t => {
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      await orphan(t)
    })
  )
})

t.test('a destination of the log that holds the main thread for ever is ended from outside of it', async t => {
  const { message, ended } = startService(['0', 'stubborn', '0', '50'])
  const { url } = await message('ready')
  await fetch(`${url}/crash`)
  t.equal(await ended, 'SIGKILL')
})
