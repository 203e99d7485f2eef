import securityContext, { problemDetails, spentTimesOf, type SecurityEvent } from '@sallyport/security-context'
import tokenExchange, {
  createTokenClient,
  discoverMetadata,
  type TokenExchangeOptions
} from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { measured } from '../support/measured.ts'
import { authorizationServer, listen, summaries, TOKEN_ANSWER } from '../../support/fake-authorization-server.ts'

interface Seen {
  method: string
  url: string
  authorization: string | undefined
  requestId: unknown
  traceparent: unknown
  timeoutMs: unknown
  body: unknown
}

/** What a request of the app is given for a deadline. */
interface GivenDeadline {
  leftMs: number
  readonly controller: AbortController
}

async function setup(t: Test, options: Partial<TokenExchangeOptions> = {}) {
  const server = await authorizationServer(t)
  let issued = 0
  server.answer = () => ({ ...TOKEN_ANSWER, access_token: `token-${++issued}` })
  const seen: Seen[] = []
  const upstream = { status: 200 }
  const origin = await listen(t, Fastify({ forceCloseConnections: true }), app =>
    app.all('/*', (request, reply) => {
      const { method, url, body, headers } = request
      seen.push({
        method,
        url,
        authorization: headers.authorization,
        requestId: headers['x-request-id'],
        traceparent: headers.traceparent,
        timeoutMs: headers['sallyport-timeout-ms'],
        body
      })
      if (url === '/silent') return new Promise(() => {})
      if (url === '/text') return reply.type('text/plain').send('hello')
      if (url === '/endless') return reply.type('text/plain').send('x'.repeat(1024 * 1024 + 1))
      if (url === '/broken') return reply.type('application/json').serializer(String).send('{')
      return reply.code(upstream.status).send({ ok: true })
    })
  )
  const now = { ms: 1_000_000 }
  const tokenClient = createTokenClient({
    metadata: await discoverMetadata({ issuer: server.issuer }),
    clientId: 'gateway',
    clientSecret: 'secret'
  })
  const app = Fastify({ genReqId: () => 'request-1' })
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(tokenExchange, {
    tokenClient,
    upstreams: { 'order-service': { origin, scope: 'orders:read' } },
    clock: () => now.ms,
    ...options
  })
  const events: SecurityEvent[] = []
  const deadlines: GivenDeadline[] = []
  app.decorateRequest('deadline', null)
  app.addHook('onRequest', async request => {
    request.accessToken = request.headers.authorization?.slice(7) ?? null
    const [given] = deadlines
    if (given !== undefined) request.deadline = { remainingMs: () => given.leftMs, signal: given.controller.signal }
  })
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents.splice(0))
  })
  app.get('/exchange/:audience', async request => ({
    token: await request.exchangeToken(
      (request.params as { audience: string }).audience,
      (request.query as { scope?: string }).scope
    )
  }))
  app.get('/call', async request =>
    request.callAs('order-service').request({
      method: 'POST',
      path: '/tickets?x=1',
      body: { a: 1 },
      headers: { Authorization: 'Bearer mine', Accept: 'text/plain' }
    })
  )
  app.get('/call-path', async request =>
    request.callAs('order-service').request({ method: 'GET', path: (request.query as { path: string }).path })
  )
  app.get('/call-unknown', async request => request.callAs('constructor').request({ method: 'GET', path: '/' }))
  t.after(() => app.close())
  return { app, server, seen, upstream, origin, now, events, deadlines }
}

t.test('a request counts its waits for tokens and for services, and nothing for what is cached', async t => {
  const { app } = await setup(t)
  const times: Array<Readonly<Record<string, number>>> = []
  app.addHook('onResponse', async request => {
    times.push(spentTimesOf(request))
  })
  for (const url of ['/exchange/order-service', '/exchange/order-service', '/call']) await get(app, url)
  const [first, second, call] = times
  t.match(first, { tokenMs: Number })
  t.same(second, {})
  t.match(call, { tokenMs: Number, upstreamMs: Number })
})

const get = (app: FastifyInstance, url: string, token: string | null = 'subject-1') =>
  app.inject({ url, headers: token === null ? {} : { authorization: `Bearer ${token}` } })

t.test('an exchanged token is cached per subject token, audience and scope', async t => {
  const { app, server, events } = await setup(t)
  t.same((await get(app, '/exchange/order-service')).json(), { token: 'token-1' })
  t.same((await get(app, '/exchange/order-service')).json(), { token: 'token-1' }, 'from the cache')
  t.same((await get(app, '/exchange/delivery-service')).json(), { token: 'token-2' }, 'another audience')
  t.same((await get(app, '/exchange/order-service?scope=orders:read')).json(), { token: 'token-3' }, 'another scope')
  t.same((await get(app, '/exchange/order-service', 'subject-2')).json(), { token: 'token-4' }, 'another subject')
  t.equal(server.received.length, 4)
  t.same(summaries(events), Array(4).fill('token-exchange success token-exchanged'), 'one event for each token')
})

t.test('parts of the cache key cannot be shifted into each other', async t => {
  const { app, server } = await setup(t)
  await get(app, '/exchange/a%22,%22b', 'x')
  await get(app, '/exchange/b', 'x","a')
  t.equal(server.received.length, 2)
})

t.test('a cached token is dropped ten seconds before it expires', async t => {
  const { app, now } = await setup(t)
  await get(app, '/exchange/order-service')
  now.ms += 289_999
  t.same((await get(app, '/exchange/order-service')).json(), { token: 'token-1' })
  now.ms += 1
  t.same((await get(app, '/exchange/order-service')).json(), { token: 'token-2' })
})

t.test('a short-lived token is dropped in its last third: with 20 seconds not each request is an exchange', async t => {
  const { app, server, now } = await setup(t)
  server.answer = () => ({ ...TOKEN_ANSWER, expires_in: 20 })
  for (let second = 0; second < 56; second++) {
    for (let request = 0; request < 3; request++) await get(app, '/exchange/order-service')
    now.ms += 1000
  }
  t.equal(server.received.length, 4)
})

t.test('requests that wait for the same token share one exchange', async t => {
  const { app, server } = await setup(t)
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(app, '/exchange/order-service')))
  t.strictSame(new Set(answers.map(answer => answer.json().token)), new Set(['token-1']))
  t.equal(server.received.length, 1)
})

t.test('a failed exchange is not kept, and is one event', async t => {
  const { app, server, events } = await setup(t)
  const answer = server.answer
  const cases = [
    [400, 'invalid_grant', 401, 'SALLYPORT_TOKEN_REJECTED', 'denied subject-token-rejected'],
    [400, 'invalid_target', 403, 'SALLYPORT_TOKEN_NOT_GRANTED', 'denied exchange-not-granted'],
    [429, 'slow_down', 429, 'SALLYPORT_TOKEN_THROTTLED', 'failure authorization-server-throttles'],
    [500, 'server_error', 503, 'SALLYPORT_TOKEN_UNAVAILABLE', 'failure authorization-server-unavailable']
  ] as const
  for (const [status, error, statusCode, code, event] of cases) {
    server.answer = (_form, reply) => reply.code(status).send({ error })
    const response = await get(app, '/exchange/order-service')
    t.equal(response.statusCode, statusCode)
    t.equal(response.json().code, code)
    t.equal(response.headers['www-authenticate'], statusCode === 401 ? 'Bearer error="invalid_token"' : undefined)
    t.equal(response.headers['retry-after'], statusCode === 429 || statusCode === 503 ? '5' : undefined)
    t.same(summaries(events.splice(0)), [`token-exchange ${event}`])
  }
  server.answer = answer
  t.equal((await get(app, '/exchange/order-service')).statusCode, 200)
})

t.test('the cache is bounded: the token that was not used for longest goes', async t => {
  const { app, server } = await setup(t, { maxCachedTokens: 2 })
  for (const subject of ['a', 'b', 'a', 'c']) await get(app, '/exchange/order-service', subject)
  t.equal(server.received.length, 3)
  await get(app, '/exchange/order-service', 'a')
  t.equal(server.received.length, 3, 'still cached')
  await get(app, '/exchange/order-service', 'b')
  t.equal(server.received.length, 4, 'was dropped')
})

t.test('an exchange without an access token is a mistake of the app, not of the caller', async t => {
  const { app, server } = await setup(t)
  const response = await get(app, '/exchange/order-service', null)
  t.equal(response.statusCode, 500)
  t.equal(response.json().code, 'SALLYPORT_TOKEN_SUBJECT_MISSING')
  t.equal(server.received.length, 0)
})

t.test("callAs sends the exchanged token, the request id and the app's headers, never the caller's token", async t => {
  const { app, server, seen } = await setup(t, { outgoingHeaders: () => ({ traceparent: '00-trace' }) })
  t.match((await get(app, '/call')).json(), { statusCode: 200, body: { ok: true } })
  t.same(seen, [
    {
      method: 'POST',
      url: '/tickets?x=1',
      authorization: 'Bearer token-1',
      requestId: 'request-1',
      traceparent: '00-trace',
      timeoutMs: '5000',
      body: { a: 1 }
    }
  ])
  const form = server.received[0]?.form
  t.same(
    ['scope', 'source_address', 'user_agent'].map(name => form?.get(name)),
    ['orders:read', '127.0.0.1', 'lightMyRequest'],
    'whose request it is for is told to the issuer'
  )
})

t.test('a token that its audience refuses is not used again', async t => {
  const { app, seen, upstream } = await setup(t)
  upstream.status = 401
  t.equal((await get(app, '/call')).json().statusCode, 401)
  await get(app, '/call')
  t.same(
    seen.map(({ authorization }) => authorization),
    ['Bearer token-1', 'Bearer token-2']
  )
})

t.test('a path that is not canonical is not called', async t => {
  const { app, seen, server } = await setup(t)
  for (const path of [
    'orders',
    '//evil.example/',
    'https://evil.example/',
    '/a/../b',
    '/a/%2e%2e/b',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a//b',
    '/a b',
    '/a\r\nb',
    '/a%00',
    '/a#b',
    ''
  ]) {
    const response = await get(app, `/call-path?path=${encodeURIComponent(path)}`)
    t.equal(response.statusCode, 500, path)
    t.equal(response.json().code, 'SALLYPORT_TOKEN_PATH_INVALID', path)
  }
  t.equal(seen.length, 0)
  t.ok(server.received.length > 0)
})

t.test('an answer that is not JSON is text', async t => {
  const { app } = await setup(t)
  t.match((await get(app, '/call-path?path=/text')).json(), { statusCode: 200, body: 'hello' })
})

t.test('a service that does not answer, or not sensibly, is a 504 or 502', async t => {
  const { app } = await setup(t, { upstreamTimeoutMs: 1500 })
  const expectations = [
    ['/silent', 504, 'SALLYPORT_TOKEN_UPSTREAM_TIMEOUT'],
    ['/endless', 502, 'SALLYPORT_TOKEN_UPSTREAM_FAILED'],
    ['/broken', 502, 'SALLYPORT_TOKEN_UPSTREAM_FAILED']
  ] as const
  for (const [path, status, code] of expectations) {
    const response = await get(app, `/call-path?path=${path}`)
    t.equal(response.statusCode, status)
    t.same(response.json().code, code)
  }
})

t.test('the limit of a call is that of the moment of the call', async t => {
  let limitMs = 60_000
  const { app } = await setup(t, { upstreamTimeoutMs: () => limitMs })
  t.equal((await get(app, '/call-path?path=/text')).statusCode, 200)
  limitMs = 50
  t.match((await get(app, '/call-path?path=/silent')).json(), { code: 'SALLYPORT_TOKEN_UPSTREAM_TIMEOUT' })
})

t.test('a service is told how long its caller waits: the limit of a call, or what is left of the deadline', async t => {
  const deadline = { leftMs: 900.5, controller: new AbortController() }
  let sent = 0
  const agent = new Agent()
  t.after(() => agent.destroy())
  const dispatcher = agent.compose(dispatch => (options, handler) => {
    sent++
    return dispatch(options, handler)
  })
  const { app, seen, deadlines } = await setup(t, { upstreamTimeoutMs: 1500, dispatcher })
  await get(app, '/call')
  deadlines.push(deadline)
  await get(app, '/call')
  t.same(
    seen.map(({ timeoutMs }) => timeoutMs),
    ['1500', '901']
  )
  deadline.leftMs = 0
  const over = await get(app, '/call')
  t.same([over.statusCode, over.json().code], [504, 'SALLYPORT_TOKEN_UPSTREAM_TIMEOUT'])
  t.equal(sent, 2, 'without any time left nobody is called')
  deadline.leftMs = 20
  const late = await get(app, '/call-path?path=/silent')
  t.same([late.statusCode, late.json().code], [504, 'SALLYPORT_TOKEN_UPSTREAM_TIMEOUT'])
})

t.test('a call ends when the caller leaves', async t => {
  const deadline = { leftMs: 60_000, controller: new AbortController() }
  const { app, seen, deadlines } = await setup(t)
  deadlines.push(deadline)
  const call = get(app, '/call-path?path=/silent')
  while (seen.length === 0) await new Promise(resolve => setTimeout(resolve, 2))
  deadline.controller.abort(Object.assign(new Error('left'), { statusCode: 499 }))
  t.equal((await call).statusCode, 499)
})

t.test('an audience without an upstream is a mistake of the app', async t => {
  const { app } = await setup(t)
  t.match((await get(app, '/call-unknown')).json(), { status: 500, code: 'SALLYPORT_TOKEN_AUDIENCE_UNKNOWN' })
})

t.test('callAsService uses client credentials, cached', async t => {
  const { app, server, seen } = await setup(t)
  await app.callAsService('order-service').request({ method: 'GET', path: '/orders' })
  await app.callAsService('order-service').request({ method: 'GET', path: '/orders' })
  t.same(
    server.received.map(({ form }) => Object.fromEntries(form)),
    [{ grant_type: 'client_credentials', audience: 'order-service', scope: 'orders:read' }]
  )
  t.same(
    seen.map(({ authorization }) => authorization),
    ['Bearer token-1', 'Bearer token-1']
  )
})

t.test("it works in a bare app with a slot of the user's own", async t => {
  const app = Fastify()
  app.decorateRequest('accessToken', null)
  app.addHook('onRequest', async request => {
    request.accessToken = 'subject'
  })
  const tokenClient = {
    exchange: async ({ subjectToken }: { subjectToken: string }) => ({
      accessToken: `for-${subjectToken}`,
      refreshToken: null,
      expiresInSeconds: 60,
      scope: null
    })
  }
  await app.register(tokenExchange, { tokenClient: tokenClient as unknown as TokenExchangeOptions['tokenClient'] })
  app.get('/', request => request.exchangeToken('order-service'))
  t.equal((await app.inject('/')).body, 'for-subject')
})

t.test('without the slot for the access token the boot fails', async t => {
  const app = Fastify()
  app.register(tokenExchange, { tokenClient: {} as TokenExchangeOptions['tokenClient'] })
  await t.rejects(async () => app.ready(), /accessToken/)
})

t.test('all mistakes in the options are named at once', async t => {
  const app = Fastify().register(securityContext)
  app.register(tokenExchange, {
    upstreams: { a: { origin: 'http://a.example' }, b: { origin: 'https://b.example/path' } },
    maxCachedTokens: 0,
    upstreamTimeoutMs: 0
  } as unknown as TokenExchangeOptions)
  await t.rejects(async () => app.ready(), {
    code: 'SALLYPORT_TOKEN_OPTIONS_INVALID',
    message:
      /tokenClient is missing; upstreams\.a\.origin must be scheme.*upstreams\.b\.origin must be scheme.*maxCachedTokens.*upstreamTimeoutMs/
  })
})

t.test('look-ups of tokens are counted: kept, asked for, and asked for by somebody else already', async t => {
  const { app } = await setup(t)
  const headers = { authorization: 'Bearer mine' }
  const ask = async (): Promise<number> => (await app.inject({ url: '/exchange/order-service', headers })).statusCode
  t.strictSame(await Promise.all([ask(), ask()]), [200, 200])
  t.equal(await ask(), 200)
  t.strictSame(await measured(app, 'sallyport_token_exchange_cache_lookups_total'), { hit: 1, miss: 1, shared: 1 })
  t.equal(await measured(app, 'sallyport_token_exchange_cache_entries'), 1)
})
