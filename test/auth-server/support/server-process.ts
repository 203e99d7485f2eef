import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServiceMessage } from '@sallyport/service-process'
import type { Test } from 'tap'
import { CHILD_ENVIRONMENT } from '../../support/child-environment.ts'
import { SETTINGS } from '../../support/authorization-server.ts'

const SERVER = fileURLToPath(new URL('../../../auth-server/src/server.ts', import.meta.url))

/** The settings of a server on a developer's machine, as variables of its environment. */
export const environmentFor = (databaseUrl: string, more: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  NODE_ENV: 'development',
  PORT: '0',
  SALLYPORT_OPERATIONS_PORT: '0',
  SALLYPORT_DRAIN_DELAY_MS: '0',
  SALLYPORT_ISSUER: 'https://localhost:8081',
  SALLYPORT_SEALING_KEYS: SETTINGS.sealingKeys,
  DATABASE_URL: databaseUrl,
  ...more
})

/** The real entry in a process of its own. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** What it told its parent: that it is ready, or why not. */
  readonly message: Promise<ServiceMessage>
  /** Its exit code, or the signal that ended it, when all of its output has been read. */
  readonly ended: Promise<number | string>
  readonly stdout: () => string
  readonly stderr: () => string
}

/** Starts `auth-server/src/server.ts` with nothing but this environment; the test ends it. */
export function startServerProcess(t: Test, env: Record<string, string>): ServerProcess {
  const child = fork(SERVER, [], {
    env: { ...CHILD_ENVIRONMENT, ...env },
    execArgv: ['--conditions=@sallyport/source'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const written = { stdout: '', stderr: '' }
  const drained = (['stdout', 'stderr'] as const).map(async name => {
    for await (const chunk of child[name] ?? []) written[name] += String(chunk)
  })
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await Promise.all(drained)
    return (code ?? signal) as number | string
  })
  const message = Promise.race([
    once(child, 'message').then(([said]) => said as ServiceMessage),
    ended.then(code => {
      throw new Error(`the process ended with ${code} and told nothing: ${written.stderr}`)
    })
  ])
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, message, ended, stdout: () => written.stdout, stderr: () => written.stderr }
}
