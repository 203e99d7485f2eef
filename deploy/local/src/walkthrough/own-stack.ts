import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { allPorts } from '../processes.ts'
import { isPortFree } from '../readiness.ts'

/** A stack that was started for one purpose. */
export interface OwnStack {
  readonly directory: string
  readonly localJson: string
  /** Process id of the launcher. */
  readonly pid: number
  /** Every line that the launcher prints. */
  readonly output: () => string
  /** Settles with the exit code when the launcher has ended. */
  readonly ended: Promise<number | null>
  /** Stops everything as Ctrl-C does; removes the folder when it was created here. */
  readonly stop: () => Promise<void>
}

const LAUNCHER = fileURLToPath(new URL('../main.ts', import.meta.url))
const READY = 'Sallyport is ready.'
/** Below the ports that Linux gives to clients and to listeners that ask for any: one of those may go at any time. */
const LOWEST_PORT_BASE = 20_000
const PORT_BASES = 60
const PORTS_PER_BASE = 200
const PORT_BASE_TRIES = 100

/**
 * Starts the whole stack in a folder of its own, on free ports, and waits until it is ready.
 * @throws {Error} with the output of the launcher when the stack does not become ready
 */
export async function startOwnStack(
  options: {
    readonly directory?: string
    readonly portBase?: number
    readonly args?: readonly string[]
    readonly environment?: NodeJS.ProcessEnv
  } = {}
): Promise<OwnStack> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'sallyport-stack-'))
  const portBase = options.portBase ?? (await freePortBase())
  const args = [
    '--conditions=@sallyport/source',
    LAUNCHER,
    '--port-base',
    String(portBase),
    '--directory',
    directory,
    ...(options.args ?? [])
  ]
  const launcher = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.environment ?? process.env
  })
  let output = ''
  for (const stream of [launcher.stdout, launcher.stderr]) {
    stream.on('data', chunk => {
      output += String(chunk)
    })
  }
  const ended = once(launcher, 'exit').then(([code]) => code as number | null)
  const localJson = join(directory, 'local.json')
  let over = false
  void ended.then(() => {
    over = true
  })
  // The file alone is not enough: a killed launcher may have left it.
  while (!output.includes(READY) || !existsSync(localJson)) {
    if (over) throw new Error(`the stack did not start:\n${output}`)
    await delay(50)
  }
  return {
    directory,
    localJson,
    pid: launcher.pid ?? 0,
    output: () => output,
    ended,
    stop: async () => {
      launcher.kill('SIGINT')
      await ended
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** A port base whose ports are free, and given to nobody else who asks here until this process ends. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < PORT_BASE_TRIES; tries++) {
    const base = LOWEST_PORT_BASE + Math.floor(Math.random() * PORT_BASES) * PORTS_PER_BASE
    const free = await Promise.all(allPorts(base).map(isPortFree))
    if (free.every(Boolean) && (await claimPort(base + PORTS_PER_BASE - 1))) return base
  }
  throw new Error('there are no free ports')
}

/** Holds a port until the process ends, and does not keep it alive. */
async function claimPort(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const claim = createServer().once('error', () => resolve(false))
  claim.listen(port, '127.0.0.1', () => resolve(true)).unref()
  return await promise
}
