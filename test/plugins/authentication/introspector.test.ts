import Fastify from 'fastify'
import t, { type Test } from 'tap'
import authentication, { createIntrospector, type IntrospectorOptions } from '@sallyport/authentication'
import { AUDIENCE, clock, fixedKeys, goodClaims, ISSUER, issuerKey, NOW, signToken } from '../../support/issuer.ts'
import { fakeFetch, type FakeAnswer } from './support/servers.ts'

const endpoint = `${ISSUER}/introspect`
const active = (changes: Record<string, unknown> = {}): FakeAnswer => ({
  body: JSON.stringify({ active: true, ...goodClaims(changes) })
})

function setUp(options: Partial<IntrospectorOptions> = {}) {
  const world = { nowMs: NOW * 1000, answer: (): FakeAnswer | Promise<FakeAnswer> => active() }
  const fetch = fakeFetch(() => world.answer())
  const introspector = createIntrospector({
    endpoint,
    clientId: 'order service',
    clientSecret: 's:ecret&%',
    audience: AUDIENCE,
    issuer: ISSUER,
    fetch,
    clock: () => world.nowMs,
    log: () => {},
    ...options
  })
  return { world, fetch, introspector }
}
const INACTIVE = { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', reason: 'token-inactive' }
const UNAVAILABLE = {
  code: 'SALLYPORT_AUTHENTICATION_INTROSPECTION_UNAVAILABLE',
  statusCode: 503,
  headers: { 'retry-after': '5' }
}

t.test('an active token gives its principal; the request is a form with client authentication', async t => {
  const { fetch, introspector } = setUp()
  t.match(await introspector.verify('opaque+/token=='), {
    issuer: ISSUER,
    subject: goodClaims()['sub'],
    clientId: 'gateway',
    roles: ['CUSTOMER'],
    scopes: ['orders:read', 'orders:write'],
    audience: AUDIENCE,
    sessionId: 'session-1',
    expiresAtSeconds: NOW + 290
  })
  const { url, init } = fetch.calls[0]!
  t.equal(url, endpoint)
  t.equal(init.method, 'POST')
  t.equal(init.body, 'token=opaque%2B%2Ftoken%3D%3D&token_type_hint=access_token')
  t.equal(init.headers['content-type'], 'application/x-www-form-urlencoded')
  t.equal(
    Buffer.from(init.headers['authorization']!.slice(6), 'base64').toString(),
    'order+service:s%3Aecret%26%25',
    'both parts are form-encoded'
  )
})

t.test('a client secret that is a function is asked for each question', async t => {
  let secret = 'first'
  const { fetch, introspector } = setUp({ clientSecret: () => secret })
  await introspector.verify('one')
  secret = 'second'
  await introspector.verify('two')
  const sent = fetch.calls.map(({ init }) => Buffer.from(init.headers['authorization']!.slice(6), 'base64').toString())
  t.strictSame(sent, ['order+service:first', 'order+service:second'])
})

t.test('answers are remembered for a short time, never past the expiry', async t => {
  const { world, fetch, introspector } = setUp()
  await introspector.verify('a')
  world.nowMs += 4999
  await introspector.verify('a')
  t.equal(fetch.calls.length, 1)
  await introspector.verify('b')
  t.equal(fetch.calls.length, 2, 'each token has its own answer')
  world.nowMs += 1
  world.answer = () => ({ body: '{"active":false}' })
  await t.rejects(introspector.verify('a'), {
    code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID',
    reason: 'token-inactive'
  })

  const short = setUp({ cacheMs: 60_000 })
  short.world.answer = () => active({ exp: NOW + 2 })
  await short.introspector.verify('a')
  short.world.nowMs += 2000
  await t.rejects(short.introspector.verify('a'), {
    code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID',
    reason: 'token-expired'
  })
  t.equal(short.fetch.calls.length, 2)
})

t.test('refusals are remembered as well, and apart', async t => {
  const { world, fetch, introspector } = setUp({ cacheSize: 2 })
  await introspector.verify('good')
  world.answer = () => ({ body: '{"active":false}' })
  for (const token of ['x1', 'x2', 'x3', 'x3']) await t.rejects(introspector.verify(token), INACTIVE)
  t.equal(fetch.calls.length, 4)
  t.ok(await introspector.verify('good'))
  t.equal(fetch.calls.length, 4)
})

t.test('one token is asked about once at a time', async t => {
  const { fetch, introspector } = setUp({ cacheMs: 0 })
  await Promise.all(Array.from({ length: 50 }, async () => await introspector.verify('a')))
  t.equal(fetch.calls.length, 1)
  await introspector.verify('a')
  t.equal(fetch.calls.length, 2)
})

t.test('what is not active for this service is refused', async t => {
  const cases: Array<[string, FakeAnswer]> = [
    ['token-inactive', { body: '{"active":false}' }],
    ['token-inactive', { body: '{"active":"true"}' }],
    ['token-inactive', { body: '{}' }],
    ['audience-mismatch', active({ aud: 'restaurant-service' })],
    ['audience-mismatch', active({ aud: undefined })],
    ['issuer-mismatch', active({ iss: 'https://other.example' })],
    ['token-expired', active({ exp: NOW })],
    ['claim-invalid', active({ exp: 'soon' })],
    ['token-not-yet-valid', active({ nbf: NOW + 1 })],
    ['claim-missing', active({ sub: undefined })],
    ['confirmation-unproven', active({ cnf: { jkt: 'x' } })],
    ['token-type-mismatch', active({ token_type: 'DPoP' })]
  ]
  for (const [reason, answer] of cases) {
    const { world, introspector } = setUp()
    world.answer = () => answer
    await t.rejects(
      introspector.verify('a'),
      { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', statusCode: 401, reason },
      `${reason} ${String(answer.body)}`
    )
  }
  const { fetch, introspector } = setUp()
  for (const token of ['', 'a b', 'a\r\nb', 'ü', 'a,b', 'x'.repeat(8193)]) {
    await t.rejects(introspector.verify(token), { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' }, token.slice(0, 5))
  }
  t.equal(fetch.calls.length, 0, 'what cannot be a token is not asked about')
})

t.test('an endpoint that does not answer, or not sensibly, is an outage', async t => {
  for (const answer of [
    { status: 500 },
    { status: 401, body: '{"error":"invalid_client"}' },
    { body: 'x' },
    { body: '[]' },
    { body: '{"active":true,"active":false}' },
    { status: 204 }
  ]) {
    const { world, introspector } = setUp()
    world.answer = () => answer
    await t.rejects(introspector.verify('a'), UNAVAILABLE, JSON.stringify(answer))
    world.answer = () => active()
    t.ok(await introspector.verify('a'), 'and is asked again')
  }
  const { world, introspector } = setUp()
  world.answer = () => {
    throw new Error('connection refused')
  }
  await t.rejects(introspector.verify('a'), UNAVAILABLE)
})

t.test('mistakes in the options are named', async t => {
  t.throws(
    () =>
      createIntrospector({
        endpoint: 'http://issuer.example',
        clientId: '',
        clientSecret: '',
        audience: '',
        cacheMs: -1
      }),
    { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', message: /endpoint.*clientId.*clientSecret.*audience.*cacheMs/ }
  )
})

async function buildApp(t: Test, verifier: object) {
  const { fetch, world } = setUp()
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, {
    ...verifier,
    introspection: { endpoint, clientId: 'a', clientSecret: 'b', audience: AUDIENCE, fetch, clock, log: () => {} }
  })
  app.get('/', async request => request.principal?.subject)
  return { app, fetch, world }
}

t.test('beside a verifier, opaque tokens are introspected and JWTs are not', async t => {
  const key = issuerKey('ES256')
  const { app, fetch } = await buildApp(t, { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(key), clock })
  const get = async (token: string) => await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  t.equal((await get('opaque.token.x')).body, goodClaims()['sub'])
  t.equal(fetch.calls.length, 1)
  t.equal((await get(signToken(key))).statusCode, 200)
  t.equal((await get(signToken(issuerKey('ES256')))).statusCode, 401, 'a forged JWT is not taken to the endpoint')
  t.equal(fetch.calls.length, 1)
  t.equal(
    (await app.inject('/')).headers['www-authenticate'],
    `Bearer realm="${AUDIENCE}"`,
    'one scheme is offered once'
  )
})

t.test('alone, every bearer token is introspected, and an outage is 503', async t => {
  const { app, world, fetch } = await buildApp(t, {})
  const get = async (token: string) => await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  t.equal((await get(signToken(issuerKey('ES256')))).statusCode, 200)
  t.equal(fetch.calls.length, 1)
  t.equal((await app.tokenVerifier.verify('opaque')).audience, AUDIENCE)
  world.answer = () => ({ status: 502 })
  const outage = await get('other')
  t.equal(outage.statusCode, 503)
  t.equal(outage.headers['retry-after'], '5')
  world.answer = () => ({ body: '{"active":false}' })
  const inactive = await get('another')
  t.equal(inactive.statusCode, 401)
  t.equal(inactive.headers['www-authenticate'], `Bearer realm="${AUDIENCE}", error="invalid_token"`)
})

t.test(
  'an endpoint that is found later is an outage until then, and no endpoint means that no opaque token is good',
  async t => {
    let found: string | null | undefined
    const { fetch, introspector } = setUp({
      endpoint: async () => {
        if (found === undefined) throw new Error('not found yet')
        return found
      }
    })
    await t.rejects(introspector.verify('a'), { ...UNAVAILABLE, cause: { message: 'not found yet' } })
    t.equal(fetch.calls.length, 0)
    found = endpoint
    t.match(await introspector.verify('a'), { issuer: ISSUER })
    found = null
    await t.rejects(introspector.verify('b'), INACTIVE)
    t.equal(fetch.calls.length, 1)
  }
)
