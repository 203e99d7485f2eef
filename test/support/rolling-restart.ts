// Two processes behind a real proxy under load, restarted one after the other.
import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { freePort } from './free-port.ts'

/** The proxies of `deploy/proxies`. */
export type ProxyName = 'haproxy' | 'nginx'

/** What the load saw: how many requests were answered as they should, and what happened to each other one. */
export interface DrillResult {
  readonly answered: number
  readonly failures: readonly string[]
  readonly exitCodes: readonly number[]
}

/** Where a process listens. */
export interface Place {
  readonly port: number
  readonly operationsPort: number
}
interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly status: number
}

const SERVICE = fileURLToPath(new URL('drilled-service.ts', import.meta.url))
/** The folder of the examples. */
export const CONFIGURATIONS = fileURLToPath(new URL('../../deploy/proxies', import.meta.url))
const DRAIN_DELAY_MS = 1500
const WORKERS = 8
const READS: readonly LoadRequest[] = [
  { method: 'GET', path: '/quick', status: 200 },
  { method: 'GET', path: '/quick', status: 200 },
  { method: 'GET', path: '/slow', status: 200 }
]
const ORDER: LoadRequest = { method: 'POST', path: '/order', status: 201 }
/** nginx without health checks may lose a request that must not be repeated; its configuration says so. */
const LOAD: Readonly<Record<ProxyName, readonly LoadRequest[]>> = { haproxy: [...READS, ORDER], nginx: READS }

/** Whether the proxy is installed here. */
export function isInstalled(proxy: ProxyName): boolean {
  return spawnSync(proxy, ['-v'], { stdio: 'ignore' }).error === undefined
}

/** Restarts both processes `rounds` times, one after the other, each when the other is back. */
export async function drillRollingRestarts(proxy: ProxyName, rounds: number): Promise<DrillResult> {
  const [edge, ...ports] = await Promise.all(Array.from({ length: 5 }, freePort))
  const places: Place[] = [
    { port: ports[0] ?? 0, operationsPort: ports[1] ?? 0 },
    { port: ports[2] ?? 0, operationsPort: ports[3] ?? 0 }
  ]
  const running = await Promise.all(places.map(startProcess))
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-drill-'))
  const front = startProxy(proxy, directory, edge ?? 0, places)
  const load = startLoad(`http://127.0.0.1:${edge}`, LOAD[proxy])
  const exitCodes: number[] = []
  try {
    await load.until(50)
    for (let round = 0; round < rounds; round++) {
      for (const [index, place] of places.entries()) {
        const process = running[index]
        if (process === undefined) continue
        process.kill('SIGTERM')
        const [code] = (await once(process, 'exit')) as [number | null]
        exitCodes.push(code ?? -1)
        running[index] = await startProcess(place)
        // Back in the rotation: the proxy has sent it something.
        while ((await (await fetch(`http://127.0.0.1:${place.operationsPort}/served`)).text()) === '0') await delay(20)
      }
    }
    return { ...(await load.stop()), exitCodes }
  } finally {
    await load.stop()
    for (const child of [front, ...running]) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

async function startProcess({ port, operationsPort }: Place): Promise<ChildProcess> {
  const child = fork(SERVICE, {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: {
      ...process.env,
      PORT: String(port),
      OPERATIONS_PORT: String(operationsPort),
      DRAIN_DELAY_MS: String(DRAIN_DELAY_MS)
    }
  })
  const [message] = (await once(child, 'message')) as [{ type: string }]
  if (message.type !== 'ready') throw new Error(`the service did not start: ${JSON.stringify(message)}`)
  return child
}

/** The configuration of `deploy/proxies` with these ports in the place of its own. */
export function startProxy(proxy: ProxyName, directory: string, edge: number, [a, b]: readonly Place[]): ChildProcess {
  const file = proxy === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf'
  const ports: Readonly<Record<string, number | undefined>> = {
    8000: edge,
    8080: a?.port,
    8180: a?.operationsPort,
    8090: b?.port,
    8190: b?.operationsPort
  }
  const configuration = readFileSync(join(CONFIGURATIONS, file), 'utf8').replaceAll(/\b8(?:000|[01][89]0)\b/g, port =>
    String(ports[port] ?? port)
  )
  return startProxyWith(proxy, directory, configuration)
}

/** A proxy in the foreground; nginx writes to this folder only, so that no rights are needed. */
export function startProxyWith(proxy: ProxyName, directory: string, configuration: string): ChildProcess {
  const path = join(directory, proxy === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf')
  if (proxy === 'haproxy') {
    writeFileSync(path, configuration)
    return startQuietly('haproxy', ['-db', '-f', path])
  }
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  for (const folder of folders) mkdirSync(join(directory, folder))
  writeFileSync(
    path,
    configuration.replace(
      'http {',
      `http {\n  access_log off;\n${folders.map(folder => `  ${folder}_temp_path ${directory}/${folder};`).join('\n')}`
    )
  )
  return startQuietly('nginx', [
    '-p',
    directory,
    '-c',
    path,
    '-e',
    'stderr',
    '-g',
    `daemon off; master_process off; pid ${directory}/nginx.pid;`
  ])
}

/** What it says of servers that come and go is expected; why it ended by itself is not. */
function startQuietly(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', data => {
    said = `${said}${String(data)}`.slice(-4000)
  })
  child.once('exit', (code, signal) => {
    if (signal === null) console.error(`${program} ended with ${code}: ${said}`)
  })
  return child
}

interface Load {
  readonly until: (answered: number) => Promise<void>
  readonly stop: () => Promise<{ answered: number; failures: string[] }>
}

/** A bounded number of clients, each with the next request when the last one is answered. */
function startLoad(origin: string, requests: readonly LoadRequest[]): Load {
  const agent = new Agent({ connections: WORKERS })
  const failures: string[] = []
  const count = { answered: 0 }
  const stopping = new AbortController()

  async function work(first: number): Promise<void> {
    for (let turn = first; !stopping.signal.aborted; turn++) {
      const next = requests[turn % requests.length]
      if (next === undefined) return
      const outcome = await send(agent, origin, next)
      if (outcome === null) count.answered++
      // Before the first answer the proxy is starting.
      else if (count.answered > 0) failures.push(outcome)
      await delay(5)
    }
  }

  const done = Promise.all(Array.from({ length: WORKERS }, (_, index) => work(index)))
  return {
    until: async wanted => {
      while (count.answered < wanted) await delay(20)
    },
    stop: async () => {
      stopping.abort()
      await done
      if (!agent.closed) await agent.close()
      return { answered: count.answered, failures }
    }
  }
}

async function send(dispatcher: Agent, origin: string, { method, path, status }: LoadRequest): Promise<string | null> {
  try {
    const response = await request(origin + path, {
      method,
      dispatcher,
      ...(method === 'POST' && { body: '{}', headers: { 'content-type': 'application/json' } })
    })
    const body = await response.body.text()
    return response.statusCode === status ? null : `${method} ${path}: ${response.statusCode} ${body.slice(0, 200)}`
  } catch (error) {
    return `${method} ${path}: ${String(error)}`
  }
}
