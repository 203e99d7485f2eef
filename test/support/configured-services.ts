// Three instances of a service that follow a configuration server, all of them processes beside a running stack: what
// happens to this server happens to nobody else.
import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readStack, type OwnStack } from '@sallyport/local'
import { freePort } from './free-port.ts'

const run = promisify(execFile)
const SERVICE = 'order-service'
const SERVER = 'configuration-server'
/** What is changed: any number of ms from a minute. */
const SETTING = 'orderUndoneAfterMs'
const ARGUMENTS = ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning']

/** A process that listens. */
export interface ListeningProcess {
  readonly child: ChildProcess
  readonly operations: string
  readonly output: () => string
}

/** What `/info` says of the settings. */
export interface TakenSettings {
  readonly version: number
  readonly refused: number
}

/** A configuration server and its readers. */
export interface ConfiguredServices {
  readonly services: readonly ListeningProcess[]
  /** Puts a value in place with the command of an operator. */
  readonly set: (value: number) => Promise<void>
  /** The same process again, where it was. */
  readonly startServer: () => Promise<ListeningProcess>
  /** `kill -9`, and waits for the end. */
  readonly killServer: () => Promise<void>
  /** One more instance, with further variables; rejects with its output when it does not start. */
  readonly startService: (number: number, more?: Readonly<Record<string, string>>) => Promise<ListeningProcess>
  readonly stop: () => Promise<void>
}

/** The settings of a process as it tells operators. */
export async function takenSettings({ operations }: ListeningProcess): Promise<TakenSettings> {
  const answer = await fetch(`${operations}/info`)
  return ((await answer.json()) as { readonly configuration: TakenSettings }).configuration
}

/** Starts a server and three instances that follow it. */
export async function startConfiguredServices(own: OwnStack): Promise<ConfiguredServices> {
  const { processIds } = readStack(own.localJson)
  const running: ChildProcess[] = []
  const port = await freePort()
  const operationsPort = await freePort()

  async function start(name: string, more: Readonly<Record<string, string>>): Promise<ListeningProcess> {
    // Beside the process of the stack, whose folder of kept rows is its own.
    const spill = { SALLYPORT_AUDIT_SPILL_PATH: join(own.directory, 'audit', `${name}-${more.PORT}`) }
    const env: NodeJS.ProcessEnv = { ...environmentOfProcess(processIds[name] ?? 0), ...spill, ...more }
    const child = fork(programOf(name), [], { env, execArgv: ARGUMENTS, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    running.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        output += String(chunk)
      })
    }
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown]
    const isReady = typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready'
    if (!isReady) throw new Error(`${name} did not start: ${JSON.stringify(message)}\n${output}`)
    return { child, operations: `http://127.0.0.1:${env.SALLYPORT_OPERATIONS_PORT}`, output: () => output }
  }

  const startServer = async (): Promise<ListeningProcess> =>
    await start(SERVER, { PORT: String(port), SALLYPORT_OPERATIONS_PORT: String(operationsPort) })
  let server = await startServer()

  const startService: ConfiguredServices['startService'] = async (number, more = {}) =>
    await start(SERVICE, {
      PORT: String(await freePort()),
      SALLYPORT_OPERATIONS_PORT: String(await freePort()),
      SALLYPORT_CONFIGURATION_URL: `https://${SERVER}.sallyport.internal:${port}`,
      SALLYPORT_CONFIGURATION_OUTAGE: 'snapshot',
      SALLYPORT_CONFIGURATION_SNAPSHOT_PATH: join(own.directory, 'run', SERVICE, `snapshot-${number}`),
      ...more
    })
  const set = async (value: number): Promise<void> => {
    await setByCommand(own, value)
  }
  await set(600_000)
  const services = [await startService(1), await startService(2), await startService(3)]
  return {
    services,
    set,
    startServer: async () => {
      server = await startServer()
      return server
    },
    killServer: async () => {
      const ended = once(server.child, 'exit')
      server.child.kill('SIGKILL')
      await ended
    },
    startService,
    stop: async () => {
      const left = running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      await Promise.all(
        left.map(async child => {
          const ended = once(child, 'exit')
          child.kill('SIGKILL')
          await ended
        })
      )
    }
  }
}

/** The variables that a process of the stack was started with. */
export function environmentOfProcess(pid: number): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter(pair => pair.includes('='))
  const all = pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  // The channel to its own parent is nobody else's.
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('NODE_CHANNEL')))
}

function programOf(name: string): string {
  return join(dirname(fileURLToPath(import.meta.resolve(`@sallyport/${name}`))), 'server.ts')
}

async function setByCommand({ directory }: OwnStack, value: number): Promise<void> {
  const secrets = join(directory, 'run', SERVER)
  const command = join(dirname(programOf(SERVER)), '..', 'bin', `sallyport-${SERVER}.mjs`)
  const args = ['set', SERVICE, 'default', 'main', `${SETTING}=${value}`]
  await run(process.execPath, ['--conditions=@sallyport/source', command, ...args], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL_FILE: join(secrets, 'database-url'),
      SALLYPORT_SEALING_KEYS_FILE: join(secrets, 'sallyport-sealing-keys')
    }
  })
}
