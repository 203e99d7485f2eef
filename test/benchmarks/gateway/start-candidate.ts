import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../support/free-port.ts'
import type { Callers } from './callers.ts'
import type { GatewayCandidate } from './candidates.ts'
import { haproxyCommand, nginxCommand } from './native-servers.ts'
import type { ServerFacts } from './server-facts.ts'

const WORKER = fileURLToPath(new URL('../support/candidate-process.ts', import.meta.url))
const STACK = fileURLToPath(new URL('express-stack/', import.meta.url))
const INSTALLED = fileURLToPath(new URL('../../../.sallyport/bench/express-stack/', import.meta.url))

/** What is the same for all candidates. */
export interface Surroundings {
  readonly directory: string
  readonly facts: Omit<ServerFacts, 'upstream'>
  readonly upstreamPort: number
  readonly upstreamTlsPort: number
  readonly callers: Callers
  /** CPU of the candidates. */
  readonly cpu: number
  /** A database that the gateway's migrations have run on. */
  readonly databaseUrl: string
  /** Where CPU profiles of Node's candidates go. */
  readonly profiles: string | null
}

/** A program of the system or a Node process that listens. */
export interface StartedCandidate {
  readonly name: string
  readonly origin: string
  readonly pid: number
  /** A file with one header line for each caller. */
  readonly callers: string
  readonly stop: () => Promise<void>
}

/** Starts a candidate on its CPU; makes sure that it answers, and that it refuses those without a credential. */
export async function startCandidate(candidate: GatewayCandidate, around: Surroundings): Promise<StartedCandidate> {
  const { server, callers } = candidate
  const isNative = server === 'nginx' || server === 'haproxy'
  const sessions = join(around.directory, `${candidate.name.replaceAll(/\W+/g, '-')}.sessions`)
  const process = isNative ? await startNative(candidate, around) : await startNode(candidate, around, sessions)
  const file = callers === 'sessions' ? sessions : around.callers[callers]
  return { name: candidate.name, callers: file, ...process }
}

async function startNative(candidate: GatewayCandidate, around: Surroundings): Promise<RunningProcess> {
  const { directory, upstreamPort, facts, callers } = around
  const port = await freePort()
  const command =
    candidate.server === 'nginx'
      ? nginxCommand(directory, port, upstreamPort)
      : haproxyCommand(directory, { port, upstreamPort, ...facts, publicKey: callers.rs256Key })
  return { ...(await startProgram(command, around.cpu, port)), origin: `http://127.0.0.1:${port}` }
}

interface RunningProcess {
  readonly origin: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

/** Starts a program of the system that listens on a port. */
export async function startProgram(
  command: readonly string[],
  cpu: number,
  port: number
): Promise<Omit<RunningProcess, 'origin'>> {
  const child = spawn('taskset', ['-c', String(cpu), ...command], { stdio: ['ignore', 'inherit', 'inherit'] })
  // What is interrupted leaves nothing behind.
  process.once('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}/`
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null || tries === 200) throw new Error(`${command.join(' ')} does not listen`)
    const answer = await fetch(url).catch(() => null)
    if (answer !== null) break
    await delay(25)
  }
  return { pid: child.pid ?? 0, stop: () => endOf(child, () => child.kill('SIGTERM')) }
}

async function startNode(
  { name, server, options, tls, callers }: GatewayCandidate,
  around: Surroundings,
  sessions: string
): Promise<RunningProcess> {
  const { facts, upstreamPort, upstreamTlsPort, databaseUrl, cpu, profiles } = around
  const given = {
    ...facts,
    upstream: tls === true ? `https://localhost:${upstreamTlsPort}` : `http://127.0.0.1:${upstreamPort}`,
    ...options,
    ...(server === 'sallyport' && { databaseUrl }),
    ...(server === 'express' && { stack: installStack() }),
    ...(callers === 'sessions' && { sessionsOf: around.callers.known, sessionsTo: sessions })
  }
  const profiling =
    profiles === null
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name.replaceAll(/\W+/g, '-')}.cpuprofile`]
  const module = new URL(`servers/${server}.ts`, import.meta.url).href
  const flags = ['--conditions=@sallyport/source', ...profiling]
  const child = spawn(
    'taskset',
    ['-c', String(cpu), process.execPath, ...flags, WORKER, module, JSON.stringify(given)],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', NODE_EXTRA_CA_CERTS: join(around.directory, 'ca.pem') }
    }
  )
  // A log is read at once, as by a container runtime.
  child.stdout?.resume()
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${name} ended with ${String(code)} before it was ready`)
    })
  ])) as [{ ready: { origin: string } }]
  return {
    origin: message.ready.origin,
    pid: child.pid ?? 0,
    stop: () => endOf(child, () => child.disconnect())
  }
}

async function endOf(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  end()
  await ended
}

/** Installs the packages of the Express candidate from their lock file, once, into a folder that Git ignores. */
function installStack(): string {
  if (!existsSync(join(INSTALLED, 'node_modules'))) {
    mkdirSync(INSTALLED, { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(STACK, file), join(INSTALLED, file))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--no-workspaces'], { cwd: INSTALLED, stdio: 'ignore' })
  }
  return INSTALLED
}
