// The unmodified program of the gateway in a process of its own, with settings and a file of routes.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const PROGRAM = fileURLToPath(new URL('../../../reference-gateway/bin/sallyport-gateway.mjs', import.meta.url))

/** A running gateway. */
export interface GatewayProcess {
  readonly url: string
  readonly log: () => string
  /** Puts another file in the place of the first, as an editor does. */
  readonly write: (text: string) => void
  /** The same as Kubernetes does with a ConfigMap: another folder, to which a symbolic link leads in one step. */
  readonly swap: (text: string) => void
  readonly hangUp: () => void
  /** Waits for a line of the log that begins after this call, or did before. */
  readonly says: (text: string, times?: number) => Promise<void>
  /** Ends it as a supervisor does, and gives its exit code. */
  readonly stop: () => Promise<number | null>
}

/** Starts `sallyport-gateway start`, and waits until it listens. */
export async function startGatewayProcess(
  t: Test,
  routes: string,
  environment: Readonly<Record<string, string>>
): Promise<GatewayProcess> {
  const path = join(t.testdir({ 'gateway.yaml': routes }), 'gateway.yaml')
  const child = fork(PROGRAM, ['start'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      SALLYPORT_OPERATIONS_PORT: '0',
      SALLYPORT_DRAIN_DELAY_MS: '0',
      SALLYPORT_ROUTES_PATH: path,
      ...environment
    }
  })
  const ended = once(child, 'exit') as Promise<[number | null]>
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  let heard = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      log += String(chunk)
      heard.resolve()
      heard = Promise.withResolvers()
    })
  }
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown]
  const url = typeof message === 'object' && message !== null && 'url' in message ? message.url : null
  if (typeof url !== 'string') throw new Error(`the gateway did not start:\n${log}`)
  return {
    url,
    log: () => log,
    write: text => {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    },
    swap: createSwap(path),
    hangUp: () => {
      child.kill('SIGHUP')
    },
    says: async (text, times = 1) => {
      while (log.split(text).length <= times) await heard.promise
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code] = await ended
      return code
    }
  }
}

/** The file is a link into `..data`, which is a link to the folder of the moment; that of the moment before goes. */
function createSwap(path: string): (text: string) => void {
  const folder = dirname(path)
  let version = 0
  return text => {
    const [last, next] = [`..version-${version}`, `..version-${++version}`]
    mkdirSync(join(folder, next))
    writeFileSync(join(folder, next, basename(path)), text)
    replaceByLink(join(folder, '..data'), next)
    if (version === 1) replaceByLink(path, `..data/${basename(path)}`)
    else rmSync(join(folder, last), { recursive: true })
  }
}

function replaceByLink(path: string, target: string): void {
  symlinkSync(target, `${path}.new`)
  renameSync(`${path}.new`, path)
}
