// The unmodified program of the gateway with several workers, and load on it.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import { CHILD_ENVIRONMENT } from './child-environment.ts'
import { freePort } from './free-port.ts'

const PROGRAM = fileURLToPath(new URL('../../reference-gateway/bin/sallyport-gateway.mjs', import.meta.url))

/** Callers leave something of the machine to the workers that start. */
const PAUSE_MS = 5

/** A gateway with its workers. */
export interface SupervisedGateway {
  readonly url: string
  readonly operationsUrl: string
  readonly process: ChildProcess
  /** Process ids of the workers that the log has named last, by number. */
  readonly workers: () => ReadonlyMap<number, number>
  readonly says: (text: string, times?: number) => Promise<void>
  /** The value of a series, whose labels are matched as text; all that match are added up. */
  readonly metric: (name: string, labels?: string) => Promise<number>
  /** Resolves with the exit code of the supervisor. */
  readonly ended: Promise<number | null>
  readonly log: () => string
}

/** Starts `sallyport-gateway start --workers <workers>` before a service that takes a moment for each answer. */
export async function startSupervisedGateway(
  t: Test,
  workers: number,
  environment: Readonly<Record<string, string>>
): Promise<SupervisedGateway> {
  const service = createServer((_request, response) => {
    setTimeout(() => response.end('{"ok":true}'), 5)
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  t.teardown(() => service.close())
  const origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  const [port, operationsPort] = [await freePort(), await freePort()]
  const routes = `upstreams: { items: { origin: '${origin}' } }
routes: [{ path: /items/*, upstream: items, forward: none, access: public }]
`
  const child = fork(PROGRAM, ['start', '--workers', String(workers)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      SALLYPORT_OPERATIONS_PORT: String(operationsPort),
      SALLYPORT_DRAIN_DELAY_MS: '700',
      SALLYPORT_ROUTES_PATH: join(t.testdir({ 'gateway.yaml': routes }), 'gateway.yaml'),
      ...CHILD_ENVIRONMENT,
      ...environment
    }
  })
  const ended = once(child, 'exit').then(([code]: unknown[]) => (typeof code === 'number' ? code : null))
  let log = ''
  let heard = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      log += String(chunk)
      heard.resolve()
      heard = Promise.withResolvers()
    })
  }
  const pids = (): ReadonlyMap<number, number> =>
    new Map(
      [...log.matchAll(/"worker":(\d+),"pid":(\d+)/g)].map(([, slot, pid]) => [Number(slot), Number(pid)] as const)
    )
  t.teardown(() => {
    child.kill('SIGKILL')
    for (const pid of pids().values()) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
  const [message] = (await Promise.race([once(child, 'message'), ended.then(() => [null])])) as [unknown]
  const isReady = typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready'
  if (!isReady) throw new Error(`the gateway did not start: ${JSON.stringify(message)}\n${log}`)
  const operationsUrl = `http://127.0.0.1:${operationsPort}`
  return {
    url: `http://127.0.0.1:${port}`,
    operationsUrl,
    process: child,
    workers: pids,
    says: async (text, times = 1) => {
      while (log.split(text).length <= times) await heard.promise
    },
    metric: async (name, labels = '') => {
      const text = await (await fetch(`${operationsUrl}/metrics`)).text()
      return text
        .split('\n')
        .filter(line => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)) && line.includes(labels))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
    },
    ended,
    log: () => log
  }
}

/** Whether there is a process with this id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** What callers saw. */
export interface LoadSeen {
  answered: number
  readonly failures: string[]
}

/** Some callers that ask again and again, over connections that are kept. */
export function startLoad(
  url: string,
  callers: number
): { readonly seen: LoadSeen; readonly stop: () => Promise<LoadSeen> } {
  const seen: LoadSeen = { answered: 0, failures: [] }
  const agent = new Agent({ connections: callers, pipelining: 1 })
  const stop = new AbortController()
  async function ask(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const { statusCode, body } = await request(`${url}/items/1`, { dispatcher: agent })
        await body.dump()
        if (statusCode === 200) seen.answered++
        else seen.failures.push(String(statusCode))
        await delay(PAUSE_MS)
      } catch (error) {
        seen.failures.push(error instanceof Error && 'code' in error ? String(error.code) : String(error))
        await delay(PAUSE_MS)
      }
    }
  }
  const all = Promise.all(Array.from({ length: callers }, ask))
  return {
    seen,
    stop: async () => {
      stop.abort()
      await all
      await agent.close()
      return seen
    }
  }
}
