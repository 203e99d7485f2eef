import t from 'tap'
import { Agent, request } from 'undici'
import { accessToken, type Edge, GOOD, orderRoute, orderTable, startEdge, until } from '../support/edge.ts'

/** What a service gets of a client: name and value. */
const PASSING: Readonly<Record<string, string>> = {
  accept: 'text/plain',
  'accept-charset': 'utf-8',
  'accept-encoding': 'identity',
  'accept-language': 'en',
  'cache-control': 'no-cache',
  'content-language': 'en',
  'idempotency-key': 'key-1',
  'if-match': '"1"',
  'if-none-match': '"2"',
  'if-range': '"3"',
  'last-event-id': '4',
  pragma: 'no-cache',
  prefer: 'return=minimal',
  range: 'bytes=0-1',
  'user-agent': 'matrix'
}

/** What stays at the gateway: identities, addresses, routes, credentials and what belongs to one connection. */
const STAYING = [
  ...['x-user', 'x-user-id', 'x-roles', 'x-auth-request-user', 'x-remote-user', 'remote-user', 'x-forwarded-user'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-prefix', 'forwarded', 'x-real-ip'],
  ...['x-original-url', 'x-rewrite-url', 'client-cert', 'x-ssl-client-cert', 'x-http-method-override', 'via'],
  ...['x-request-id', 'traceparent', 'tracestate', 'baggage', 'x-api-key', 'txn-token', 'x-sallyport-subject'],
  ...['sallyport-txn', 'x_user', 'X_FORWARDED_FOR', 'referer', 'x-anything', 'te', 'proxy-authorization']
]

/** What clients see of a service. */
const SEEN = ['content-type', 'etag', 'vary', 'content-language', 'x-own', 'retry-after']

/** What they do not. */
const UNSEEN = [
  ...['set-cookie', 'set-cookie2', 'clear-site-data', 'strict-transport-security', 'alt-svc', 'server', 'via'],
  ...['x-powered-by', 'www-authenticate', 'x-request-id', 'sallyport-txn', 'traceparent', 'tracestate'],
  ...['proxy-authenticate', 'keep-alive', 'x-nominated']
]

/** How the service answers, and what of it the client gets: the answer itself, or one of the gateway. */
const OUTCOMES: Readonly<Record<string, { readonly status: number; readonly passes: boolean }>> = {
  200: { status: 200, passes: true },
  401: { status: 503, passes: false },
  403: { status: 403, passes: true },
  404: { status: 404, passes: true },
  413: { status: 413, passes: true },
  502: { status: 502, passes: true },
  503: { status: 503, passes: true },
  504: { status: 504, passes: true },
  'too large a body': { status: 413, passes: false },
  'a cut connection': { status: 502, passes: false },
  'no answer': { status: 504, passes: false },
  'a stream': { status: 200, passes: true }
}

/** Routes that differ from the usual one. */
const PREFIXES: Readonly<Record<string, string>> = { 'a stream': 'streams', 'no answer': 'silent' }

/** Answers as its path says, with every header that a service should not send. */
function answerAsAsked(edge: Edge): void {
  edge.orders.answer = ({ url }, reply) => {
    const outcome = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
    if (outcome === 'no answer') return new Promise(() => {})
    reply.hijack()
    const { raw } = reply
    if (outcome === 'a cut connection') return raw.destroy()
    for (const name of SEEN) raw.setHeader(name, name === 'content-type' ? 'text/plain' : 'kept')
    for (const name of UNSEEN) raw.setHeader(name, 'planted')
    raw.setHeader('connection', 'close, x-nominated')
    raw.writeHead(Number(outcome) || 200)
    raw.end('body')
    return undefined
  }
}

/** Routes on which nobody asks who is calling. */
const OPEN = { access: 'public', forward: 'none' } as const

/** The credentials of one caller in all four kinds, and those that nobody asks for. */
async function credentials(edge: Edge): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
  const login = await request(`${edge.url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'customer1', password: 'pass' })
  })
  const cookie = [login.headers['set-cookie']]
    .flat()
    .map(value => value?.split(';')[0])
    .join('; ')
  return {
    bearer: GOOD,
    basic: { authorization: `Basic ${Buffer.from('customer1:pass').toString('base64')}` },
    session: { cookie, 'x-sallyport-csrf': '1' },
    opaque: { authorization: 'Bearer opaque-planted-token' },
    // Whatever somebody brings to a public route stays here too.
    anonymous: { ...GOOD, cookie: 'planted=1' }
  }
}

t.test('G-01: whoever calls and however it ends, only what may pass passes, in both directions', async t => {
  const token = await accessToken()
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  const edge = await startEdge(t, {
    settings: { upstreamTimeoutMs: 20_000, maxBodyBytes: 1000 },
    table: orderTable(
      orderRoute(),
      orderRoute({ path: '/streams/*', stream: true }),
      orderRoute({ path: '/silent/*', timeouts: { headMs: 1000 } }),
      orderRoute({ ...OPEN, path: '/open/orders/*' }),
      orderRoute({ ...OPEN, path: '/open/streams/*', stream: true }),
      orderRoute({ ...OPEN, path: '/open/silent/*', timeouts: { headMs: 1000 } })
    ),
    tokenClient: {
      password: async () => ({ accessToken: token, refreshToken: 'planted', expiresInSeconds: 300, scope: null })
    },
    collaborators: {
      introspection: {
        endpoint: 'https://localhost:8081/oauth2/introspect',
        clientId: 'gateway',
        clientSecret: 'secret',
        audience: 'sallyport-gateway',
        fetch: async () => ({
          status: 200,
          headers: { get: () => null },
          body: (async function* () {
            yield Buffer.from(JSON.stringify(Object.assign({ active: true }, claims)))
          })()
        })
      }
    }
  })
  answerAsAsked(edge)
  const client = new Agent({ pipelining: 1 })
  t.after(() => client.destroy())
  const planted = Object.fromEntries(STAYING.map(name => [name, 'planted']))

  for (const [kind, credential] of Object.entries(await credentials(edge))) {
    await Promise.all(
      Object.entries(OUTCOMES).map(async ([outcome, ofCaller]) => {
        // Nobody's credential was refused, so the service's own challenge passes.
        const asks = kind === 'anonymous' && outcome === '401'
        const { status, passes } = asks ? { status: 401, passes: true } : ofCaller
        const title = `${kind}: ${outcome}`
        const isLarge = outcome === 'too large a body'
        const prefix = kind === 'anonymous' ? '/open' : ''
        const path = `${prefix}/${PREFIXES[outcome] ?? 'orders'}/${kind}/${encodeURIComponent(outcome)}`
        const answer = await request(edge.url + path, {
          method: 'PUT',
          headers: { ...planted, ...PASSING, 'content-type': 'text/plain', ...credential },
          body: 'x'.repeat(isLarge ? 1001 : 10),
          dispatcher: client
        })
        const body = await answer.body.text()
        t.equal(answer.statusCode, status, title)
        const { 'www-authenticate': challenge, ...others } = answer.headers
        t.equal(challenge, asks ? 'planted' : undefined, title)
        t.notMatch(JSON.stringify(others) + body, /planted/, title)
        t.equal(typeof answer.headers['x-request-id'], 'string', title)
        if (passes) t.match(answer.headers, { etag: 'kept', vary: 'kept', 'x-own': 'kept' }, title)
        else t.notOk(answer.headers['x-own'] ?? answer.headers.etag, title)
        t.equal(body === 'body', passes, title)
        const received = edge.orders.received.filter(({ url }) => url === path)
        // On a slow machine the limit of the one without an answer may be over before it has arrived.
        if (outcome !== 'no answer') t.equal(received.length, isLarge ? 0 : 1, title)
        for (const { headers, rawHeaders } of received) {
          t.match(headers, PASSING, title)
          t.equal(headers.authorization, kind === 'anonymous' ? undefined : 'Bearer token-for-order-service', title)
          t.notMatch(rawHeaders.join('\n'), /planted|cookie|opaque|Basic/, title)
        }
      })
    )
  }
  await until(() => edge.agent.counts()[edge.orders.origin]?.running === 0)
})
