// The stream of changes: who may follow, what it tells, how it ends.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { TestService } from '../support/services.ts'
import { ofApplication, ofUser, put, startServer, type Headers } from './support/configuration-server.ts'

const URL = '/orders/production/main/changes'

/** Timers that the test moves: by their delay. */
function heldTimers() {
  const waiting = new Map<number, Array<() => void>>()
  return {
    startTimer: (run: () => void, delayMs: number) => {
      waiting.set(delayMs, [...(waiting.get(delayMs) ?? []), run])
      return {
        stop: () => {
          waiting.set(
            delayMs,
            (waiting.get(delayMs) ?? []).filter(held => held !== run)
          )
        }
      }
    },
    fire: (delayMs: number) => {
      const due = waiting.get(delayMs) ?? []
      waiting.set(delayMs, [])
      for (const run of due) run()
    },
    delays: () => [...waiting].filter(([, runs]) => runs.length > 0).map(([delayMs]) => delayMs)
  }
}

/** A stream over a real connection. */
async function follow({ app }: TestService, headers: Headers, url = URL) {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const request = get({ host: '127.0.0.1', port, path: url, headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return {
    response,
    ended: once(response, 'close'),
    text: () => text,
    seen: async (pattern: RegExp) => {
      while (!pattern.test(text)) await once(response, 'data')
    }
  }
}

t.test('a caller that may not read a configuration cannot follow it', async t => {
  const { app } = await startServer(t)
  t.equal((await app.inject(URL)).statusCode, 401)
  const refused = async (headers: Headers) => (await app.inject({ url: URL, headers })).statusCode
  t.equal(await refused(await ofApplication('orders', 'config:write')), 403)
  t.equal(await refused(await ofApplication('ratings')), 404)
  t.equal(await refused(await ofUser('CUSTOMER', 'config:read', 'orders')), 404)
})

t.test('one caller gets so many streams, and a place back with each that ends', async t => {
  const server = await startServer(t, { maxStreamsPerCaller: 2, maxStreams: 3 })
  const [orders, ratings] = [await ofApplication('orders'), await ofApplication('ratings')]
  const first = await follow(server, orders)
  const second = await follow(server, orders)
  const third = await server.app.inject({ url: URL, headers: orders })
  t.match(third.json(), { status: 503, code: 'SALLYPORT_CONFIGSERVER_STREAMS_EXHAUSTED' })
  t.equal(third.headers['retry-after'], '30')
  const other = await follow(server, ratings, URL.replace('orders', 'ratings'))
  first.response.destroy()
  let again = await follow(server, orders)
  // The server learns of the end by itself.
  while (again.response.statusCode === 503) again = await follow(server, orders)
  t.equal(again.response.statusCode, 200)
  for (const { response } of [second, other, again]) response.destroy()
})

t.test('a change of what applies is told with its id, in this process at once', async t => {
  const server = await startServer(t)
  await put(server, 'orders/default/main', { limit: 1 })
  const followed = await follow(server, await ofApplication('orders'))
  t.match(followed.response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  await followed.seen(/limit|id: 1\n/)
  t.equal(
    followed
      .text()
      .startsWith(
        'event: change\nid: 1\ndata: {"application":"orders","profile":"default","label":"main","version":1}\n\n'
      ),
    true,
    'the newest change comes at once'
  )
  await put(server, 'ratings/default/main', { limit: 1 })
  await put(server, 'orders/staging/main', { limit: 1 })
  await put(server, 'application/production/main', { databaseName: 'a-value' }, { apiKey: 'a-secret' })
  await followed.seen(/id: 4\n/)
  t.notMatch(followed.text(), /id: [23]\n|a-value|a-secret/)
  followed.response.destroy()
})

t.test('whoever has seen the newest change gets none at the beginning, and whoever has not gets it once', async t => {
  const server = await startServer(t)
  await put(server, 'orders/default/main', { limit: 1 })
  await put(server, 'orders/default/main', { limit: 2 }, {}, { 'if-match': '"1"' })
  for (const [lastEventId, expected] of [
    ['2', /^: \n\n$/],
    ['1', /^event: change\nid: 2\n/],
    ['not ours', /^event: change\nid: 2\n/]
  ] as const) {
    const followed = await follow(server, { ...(await ofApplication('orders')), 'last-event-id': lastEventId })
    await followed.seen(/: \n\n/)
    t.match(followed.text(), expected, lastEventId)
    followed.response.destroy()
    await followed.ended
  }
})

t.test('a change of another process comes with the next look', async t => {
  let look = async (): Promise<void> => {}
  const server = await startServer(
    t,
    {},
    {
      changeSchedule: run => {
        look = run
        return { stop: () => {} }
      }
    }
  )
  const followed = await follow(server, await ofApplication('orders'))
  await followed.seen(/: \n\n/)
  const change = { application: 'orders', profile: 'production', label: 'main', version: 1 }
  await server.owner('configuration_changes').insert(change)
  await look()
  await followed.seen(/id: 1\ndata: .*"production"/)
  followed.response.destroy()
})

t.test(
  'a stream stays open by heartbeats, ends with its token or after its longest time, and with the server',
  async t => {
    const timers = heldTimers()
    const now = Date.now()
    const server = await startServer(t, {}, { startTimer: timers.startTimer, clock: () => now })
    const untilSeconds = Math.floor(now / 1000) + 120
    const short = await follow(server, await ofApplication('orders', 'config:read', { claims: { exp: untilSeconds } }))
    await short.seen(/: \n\n/)
    timers.fire(15_000)
    await short.seen(/: \n\n: \n\n/)
    const lifetime = untilSeconds * 1000 - now
    t.strictSame(
      timers.delays().sort((a, b) => a - b),
      [15_000, lifetime],
      'the token expires first'
    )
    timers.fire(lifetime)
    await short.ended
    t.strictSame(timers.delays(), [], 'nothing is left of it')

    const anHour = Math.floor(now / 1000) + 3600
    const long = await follow(server, await ofApplication('orders', 'config:read', { claims: { exp: anHour } }))
    await long.seen(/: \n\n/)
    timers.fire(600_000)
    await long.ended
    const last = await follow(server, await ofApplication('orders'))
    await server.app.close()
    await last.ended
  }
)
