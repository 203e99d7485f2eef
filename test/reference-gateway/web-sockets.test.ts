import type { KeySource, StatusSource } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import t from 'tap'
import { request } from 'undici'
import { openClient, refusalOf } from '../support/forwarding/socket-service.ts'
import {
  accessToken,
  failures,
  GOOD,
  keys as KEYS,
  ORDER_SERVICE,
  rawRequest,
  sendRaw,
  statuses,
  until
} from '../support/edge.ts'
import { startSocketEdge } from './support/socket-edge.ts'

const OWN = { origin: 'http://127.0.0.1' }

/** What decides about open WebSockets, for a test to change. */
function decidedByTest() {
  const revoked = new Set<number>()
  const runs: Array<() => Promise<void>> = []
  const clock = { aheadMs: 0 }
  const status: StatusSource = {
    follow: async () => {},
    check: ({ index }) => (revoked.has(index) ? 'revoked' : 'valid'),
    ageMs: () => 0,
    close: async () => {}
  }
  const schedule: Schedule = run => {
    runs.push(run)
    return { stop: () => {} }
  }
  return {
    revoked,
    clock,
    look: async () => {
      await runs[0]?.()
    },
    collaborators: { status, schedule, clock: () => Date.now() + clock.aheadMs }
  }
}

const withStatus = (idx: number) => ({
  status: { status_list: { uri: 'https://localhost:8081/oauth2/status-lists/1', idx } }
})

t.test('a WebSocket passes the edge over TLS that proves both sides, with the token of its service alone', async t => {
  const { url, asked, exchanges, events, codes } = await startSocketEdge(t)
  const { socket, messages, closed } = await openClient(`${url}/orders/7`, {
    ...GOOD,
    ...OWN,
    cookie: 'sallyport-access=x',
    'x-forwarded-for': '1.2.3.4'
  })
  socket.send('hello')
  await until(() => messages.length === 1)
  t.same(messages, ['hello'])
  const { headers, url: path } = asked[0] ?? {}
  t.equal(path, '/orders/7')
  t.match(headers, { authorization: 'Bearer token-for-order-service', 'x-forwarded-for': '127.0.0.1' })
  t.notOk(headers?.cookie ?? headers?.origin)
  t.same(exchanges, ['caller → order-service'])
  socket.close(1000)
  t.match(await closed, [1000])
  await until(() => codes.length === 1)
  t.same(failures(events), [])
})

t.test('a service whose certificate proves another name gets no WebSocket', async t => {
  const { url, asked, events } = await startSocketEdge(t, { names: ['somebody-else.internal'] })
  t.equal(await refusalOf(`${url}/orders/7`, { ...GOOD, ...OWN }), '502 SALLYPORT_FORWARDING_UPSTREAM_FAILED')
  t.equal(asked.length, 0)
  await until(() => events.length > 0)
  t.same(failures(events), ['forward failure upstream-not-trusted'])
})

t.test('everything that is asked of a request is asked of one for a WebSocket', async t => {
  const { url, port, asked, events } = await startSocketEdge(t, {
    route: { access: { kind: 'role', anyOf: ['ADMIN'] } }
  })
  const orders = `${url}/orders/7`
  t.match(await refusalOf(orders, OWN), /^401 SALLYPORT_AUTHENTICATION_/)
  t.match(await refusalOf(orders, { ...GOOD, ...OWN }), /^403 SALLYPORT_AUTHORIZATION_/)
  t.match(await refusalOf(`${url}/orders/a%2fb`, { ...GOOD, ...OWN }), /^400 SALLYPORT_GATEWAY_PATH_NOT_CANONICAL/)
  t.match(await refusalOf(orders, { ...GOOD, ...OWN, host: 'evil.example' }), /^421 SALLYPORT_GATEWAY_HOST_REFUSED/)
  const admin = `Bearer ${await accessToken({ roles: ['ADMIN'] })}`
  t.match(
    await refusalOf(orders, { authorization: admin, origin: 'https://evil.example' }),
    /^403 SALLYPORT_FORWARDING_ORIGIN_REFUSED/
  )
  const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA']
  const received = await sendRaw(port, rawRequest('GET /orders/7 HTTP/1.1', h2c))
  t.same(statuses(received), [400])
  t.match(received, /SALLYPORT_GATEWAY_UPGRADE_REFUSED/)
  t.match(await refusalOf(`${url}/session`, OWN), /^400 SALLYPORT_GATEWAY_UPGRADE_REFUSED/, 'a route of its own')
  t.equal(asked.length, 0)
  await until(() => events.length >= 7)
  t.same(
    new Set(failures(events).map(text => text.split(' ')[0])),
    new Set(['authentication', 'authorization', 'hygiene', 'forward'])
  )
  t.equal(await refusalOf(orders, { authorization: admin }), 'opened', 'no browser sends a token by itself')
})

t.test('a cookie opens a WebSocket for pages of this origin only, and a password too', async t => {
  const token = await accessToken()
  const tokens = async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
  const { url, asked } = await startSocketEdge(t, { tokenClient: { password: tokens } })
  const login = await request(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'customer1', password: 'pass' })
  })
  const cookie = [login.headers['set-cookie']]
    .flat()
    .map(value => value?.split(';')[0])
    .join('; ')
  const basic = { authorization: `Basic ${Buffer.from('customer1:pass').toString('base64')}` }
  for (const credential of [{ cookie }, basic]) {
    t.match(await refusalOf(`${url}/orders/7`, { ...credential, origin: 'https://evil.example' }), /^403 /)
    t.match(await refusalOf(`${url}/orders/7`, { ...credential }), /^403 /, 'no origin at all')
    t.match(await refusalOf(`${url}/orders/7`, { ...credential, 'x-sallyport-csrf': '1' }), /^403 /)
  }
  t.equal(asked.length, 0)
  t.equal(await refusalOf(`${url}/orders/7`, { cookie, ...OWN }), 'opened')
  t.equal(await refusalOf(`${url}/orders/7`, { ...basic, ...OWN }), 'opened')
  t.notOk(asked.some(({ headers }) => headers.cookie !== undefined || headers.authorization?.startsWith('Basic')))
})

t.test(
  'a WebSocket ends with 4401 when its token is revoked or expires, or its key is withdrawn; others go on',
  async t => {
    const decided = decidedByTest()
    const published = { is: true }
    const keys: KeySource = {
      ...KEYS,
      isPublished: () => published.is,
      find: async keyId => (published.is ? await KEYS.find(keyId) : null)
    }
    const { url, db, events } = await startSocketEdge(t, { collaborators: { ...decided.collaborators, keys } })
    const open = async (claims: Record<string, unknown>) =>
      await openClient(`${url}/orders/7`, { authorization: `Bearer ${await accessToken(claims)}`, ...OWN })
    const now = Math.floor(Date.now() / 1000)
    const first = await open({ ...withStatus(1), exp: now + 3000 })
    const second = await open({ ...withStatus(2) })
    const third = await open({ ...withStatus(3), exp: now + 3000 })
    await decided.look()
    decided.revoked.add(1)
    await decided.look()
    t.same(await first.closed, [4401, 'access ended'])
    decided.clock.aheadMs = 400_000
    await decided.look()
    t.same(await second.closed, [4401, 'access ended'])
    t.equal(third.socket.readyState, third.socket.OPEN)
    published.is = false
    await decided.look()
    t.same(await third.closed, [4401, 'access ended'])
    await until(() => failures(events).length === 3)
    t.same(failures(events).toSorted(), [
      'forward denied access-expired',
      'forward denied access-revoked',
      'forward denied access-revoked'
    ])
    await until(async () => (await db('audit_events').where({ action: 'answer.end' })).length === 3)
    t.match(await db('audit_events').where({ action: 'answer.end' }).first(), {
      outcome: 'denied',
      detail: { status: 101, method: 'GET', audience: 'order-service' }
    })
  }
)

t.test('WebSockets end with 1001 when the gateway closes; a public one too', async t => {
  const { app, url, opened, codes } = await startSocketEdge(t, { route: { access: 'public', forward: 'none' } })
  const clients = await Promise.all([openClient(`${url}/orders/7`), openClient(`${url}/orders/8`)])
  await until(() => opened.length === 2)
  await app.close()
  t.same(
    (await Promise.all(clients.map(({ closed }) => closed))).map(([code]) => code),
    [1001, 1001]
  )
  await until(() => codes.length === 2)
  t.same(codes, [1001, 1001])
})

t.test('handshakes count in the limits of requests', async t => {
  const { url } = await startSocketEdge(t, {
    table: () => ({
      upstreams: { orders: { origin: `https://${ORDER_SERVICE}:1` } },
      rateLimits: { few: { per: 'principal', requests: 1, windowSeconds: 60 } },
      routes: [
        {
          path: '/orders/*',
          upstream: 'orders',
          forward: { audience: 'order-service' },
          access: 'authenticated',
          webSocket: {},
          rateLimits: ['few']
        }
      ]
    })
  })
  t.match(await refusalOf(`${url}/orders/7`, { ...GOOD, ...OWN }), /^502 /)
  t.match(await refusalOf(`${url}/orders/7`, { ...GOOD, ...OWN }), /^429 SALLYPORT_FORWARDING_RATE_LIMITED/)
})
