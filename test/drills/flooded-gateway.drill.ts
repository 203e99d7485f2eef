// 500 connections that ask as fast as they are answered: probes and logins are served meanwhile, memory stays within
// bounds, and what is shed is told when to try again.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Agent, request } from 'undici'

const SECONDS = 8
const LOGIN = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ username: 'alice', password: 'a password of the drill' })
} as const

interface ReadyGateway {
  readonly port: number
  readonly operations: string
  readonly token: string
}

function start(name: string, environment: Record<string, string>): ChildProcess {
  const child = fork(fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url)), {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** The message of a type that a child sends next. */
async function told<Message>(child: ChildProcess, type: string): Promise<Message> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ type: string }]
    if (message.type === type) return message as Message
  }
}

async function memoryOf(child: ChildProcess): Promise<number> {
  const answer = told<{ rss: number }>(child, 'memory')
  child.send('memory')
  return Math.round((await answer).rss / 1024 / 1024)
}

/** Asks one after the other; how long each took, in ms, and every status that is not 200. */
async function ask(
  url: string,
  options: Parameters<typeof request>[1],
  isOver: (asked: number) => boolean
): Promise<{ p95: number; asked: number; others: number[] }> {
  const dispatcher = new Agent({ connections: 1 })
  const times: number[] = []
  const others: number[] = []
  while (!isOver(times.length)) {
    const startedAt = performance.now()
    const { statusCode, body } = await request(url, { ...options, dispatcher })
    await body.dump()
    times.push(performance.now() - startedAt)
    if (statusCode !== 200) others.push(statusCode)
    await delay(20)
  }
  await dispatcher.destroy()
  times.sort((one, other) => one - other)
  return { p95: Math.round(times[Math.floor(times.length * 0.95)] ?? 0), asked: times.length, others }
}

t.test('a flood of 500 connections costs no login and no probe', async t => {
  const upstream = createServer((incoming, response) => {
    incoming.resume().once('end', () => setTimeout(() => response.end('{"ok":true}'), 5))
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => upstream.close())
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const gateway = start('flooded-gateway', {
    UPSTREAM: origin,
    SHEDDING: JSON.stringify({ maxPending: 40, maxEventLoopDelayMs: 100 })
  })
  const { port, operations, token } = await told<ReadyGateway>(gateway, 'ready')
  const url = `http://127.0.0.1:${port}`

  const quiet = await ask(`${url}/login`, LOGIN, asked => asked === 60)
  for (let read = 0; read < 500; read++) {
    const { body } = await request(`${url}/orders`, { headers: { authorization: `Bearer ${token}` } })
    await body.dump()
  }
  const idle = await memoryOf(gateway)

  const flood = start('flood-process', { URL_TO_FLOOD: url, TOKEN: token })
  await told(flood, 'ready')
  const until = performance.now() + SECONDS * 1000
  const isOver = (): boolean => performance.now() > until
  let peak = idle
  const watch = async (): Promise<void> => {
    while (!isOver()) {
      peak = Math.max(peak, await memoryOf(gateway))
      await delay(200)
    }
  }
  const [logins, probes] = await Promise.all([
    ask(`${url}/login`, LOGIN, isOver),
    ask(`${operations}/health/live`, {}, isOver),
    watch()
  ])
  const counted = told<{ answers: Record<string, number>; untold: number }>(flood, 'answers')
  flood.send('stop')
  const { answers, untold } = await counted
  t.comment(`answers ${JSON.stringify(answers)}`)
  t.comment(`logins: ${logins.asked}, p95 ${logins.p95} ms (${quiet.p95} ms without the flood)`)
  t.comment(`probes: ${probes.asked}, p95 ${probes.p95} ms; memory ${idle} MiB idle, ${peak} MiB at most`)

  t.same(logins.others, [], 'no login is shed')
  t.same(probes.others, [], 'no probe is')
  // On a machine with other work everything takes longer.
  const limit = Math.max(250, 8 * quiet.p95)
  t.ok(logins.p95 < limit, `logins take ${logins.p95} ms, less than ${limit}`)
  t.ok(probes.p95 < limit, `probes take ${probes.p95} ms`)
  t.ok(peak <= 2 * idle, `memory grew from ${idle} to ${peak} MiB`)
  t.same(
    Object.keys(answers).filter(answer => !/^(?:GET|POST) (?:200|503)$/.test(answer)),
    []
  )
  t.equal(untold, 0, 'each 503 says when to try again')
  t.ok((answers['GET 503'] ?? 0) + (answers['POST 503'] ?? 0) > 0, 'it was a flood')
  t.ok((answers['GET 200'] ?? 0) > (answers['POST 200'] ?? 0), 'reads come before writes')
  gateway.send('end')
  await once(gateway, 'exit')
})
