import { connect } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import securityContext, { type SecurityEvent } from '@sallyport/security-context'
import authentication, { createTokenVerifier, errors, type AuthenticationOptions } from '@sallyport/authentication'
import {
  AUDIENCE,
  clock,
  fixedKeys,
  goodClaims,
  ISSUER,
  issuerKey,
  NOW,
  signHmac,
  signToken
} from '../../support/issuer.ts'

const key = issuerKey('ES256')
const good: AuthenticationOptions = { issuer: ISSUER, audience: AUDIENCE, keys: fixedKeys(key), clock }

async function buildApp(
  t: Test,
  options: AuthenticationOptions = good
): Promise<{ app: FastifyInstance; events: SecurityEvent[] }> {
  const app = Fastify()
  t.teardown(() => app.close())
  const events: SecurityEvent[] = []
  await app.register(securityContext)
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents)
  })
  await app.register(authentication, options)
  app.get('/orders', { config: { access: 'authenticated' } }, async request => ({
    subject: request.principal?.subject,
    token: request.accessToken
  }))
  app.post('/orders', async () => ({}))
  app.get('/open', { config: { access: 'public' } }, async request => ({ principal: request.principal }))
  return { app, events }
}

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

t.test('a request with a good token reaches its route with the principal and the token', async t => {
  const { app, events } = await buildApp(t)
  const token = signToken(key)
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const answer = await app.inject({ url: '/orders', headers: { authorization: `${scheme} ${token}` } })
    t.equal(answer.statusCode, 200, scheme)
    t.same(answer.json(), { subject: goodClaims()['sub'], token })
  }
  t.match(events[0], {
    stage: 'authentication',
    outcome: 'success',
    reason: 'authenticated',
    detail: { strategy: 'bearer' }
  })
  t.equal((await app.tokenVerifier.verify(token)).tokenId, 'token-1', 'the verifier is there for other code')
})

t.test('V17: without credentials 401 offers the scheme and names no error', async t => {
  const { app, events } = await buildApp(t)
  const answer = await app.inject('/orders')
  t.equal(answer.statusCode, 401)
  t.equal(answer.json().code, 'SALLYPORT_AUTHENTICATION_REQUIRED')
  t.equal(answer.headers['www-authenticate'], `Bearer realm="${AUDIENCE}"`)
  t.match(events, [{ stage: 'authentication', outcome: 'denied', reason: 'required', detail: { strategy: null } }])
})

t.test('V17: a refused token is 401 invalid_token; why is in the security event and nowhere in the answer', async t => {
  const { app, events } = await buildApp(t)
  const cases = {
    'token-expired': signToken(key, goodClaims({ exp: NOW - 100 })),
    'audience-mismatch': signToken(key, goodClaims({ aud: 'restaurant-service' })),
    'issuer-mismatch': signToken(key, goodClaims({ iss: 'https://other.example' })),
    'signature-invalid': signToken(issuerKey('ES256')),
    'token-malformed': 'x',
    'algorithm-not-allowed': signHmac('x', goodClaims(), { kid: key.keyId })
  }
  const bodies = new Set<string>()
  for (const [reason, token] of Object.entries(cases)) {
    const answer = await app.inject({ url: '/orders', headers: bearer(token) })
    t.equal(answer.statusCode, 401, reason)
    t.equal(answer.headers['www-authenticate'], `Bearer realm="${AUDIENCE}", error="invalid_token"`)
    t.match(events.at(-1), { stage: 'authentication', outcome: 'denied', reason, detail: { strategy: 'bearer' } })
    bodies.add(answer.body)
  }
  t.equal(bodies.size, 1, 'every refusal has the same body')
})

t.test('V07: a route with a verifier of its own takes what that one takes, and no other route does', async t => {
  const { app, events } = await buildApp(t)
  const elsewhere = createTokenVerifier({ issuer: ISSUER, audience: 'elsewhere', keys: fixedKeys(key), clock })
  app.get(
    '/elsewhere',
    { config: { access: 'authenticated', tokenVerifier: elsewhere } },
    async request => request.principal?.audience
  )
  const [here, there] = [bearer(signToken(key)), bearer(signToken(key, goodClaims({ aud: 'elsewhere' })))]
  t.equal((await app.inject({ url: '/elsewhere', headers: there })).body, 'elsewhere')
  t.equal((await app.inject({ url: '/orders', headers: there })).statusCode, 401)
  t.equal((await app.inject({ url: '/elsewhere', headers: here })).statusCode, 401)
  t.match(events.at(-1), { outcome: 'denied', reason: 'audience-mismatch' })
  t.equal((await app.inject('/elsewhere')).statusCode, 401)
})

t.test('V18: a token in the query, the body or a cookie is not looked at', async t => {
  const { app } = await buildApp(t)
  const token = signToken(key)
  for (const request of [
    { method: 'GET', url: `/orders?access_token=${token}` },
    {
      method: 'POST',
      url: '/orders',
      payload: `access_token=${token}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' }
    },
    { method: 'GET', url: '/orders', headers: { cookie: `access_token=${token}; token=${token}` } },
    { method: 'GET', url: '/orders', headers: { 'x-access-token': token, 'proxy-authorization': `Bearer ${token}` } }
  ] as const) {
    t.equal((await app.inject(request)).statusCode, 401)
  }
})

t.test('only one token in the header: lists, missing tokens and other schemes are refused', async t => {
  const { app } = await buildApp(t)
  const token = signToken(key)
  for (const authorization of [
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token} x`,
    'Bearer',
    'Bearer ',
    `Token ${token}`,
    token,
    `Bearer\t${token}`,
    `"Bearer" ${token}`
  ]) {
    t.equal(
      (await app.inject({ url: '/orders', headers: { authorization } })).statusCode,
      401,
      authorization.slice(0, 12)
    )
  }
})

t.test('two Authorization headers are refused with 400, whichever is good', async t => {
  const { app, events } = await buildApp(t)
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const token = signToken(key)
  for (const headers of [
    `Authorization: Bearer ${token}\r\nauthorization: Bearer x`,
    `AUTHORIZATION: Basic eDp5\r\nAuthorization: Bearer ${token}`
  ]) {
    const answer = await new Promise<string>((resolve, reject) => {
      let received = ''
      const socket = connect(Number(url.port), '127.0.0.1', () =>
        socket.write(`GET /orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n\r\n`)
      )
      socket
        .on('data', data => {
          received += String(data)
        })
        .on('end', () => resolve(received))
        .on('error', reject)
    })
    t.match(answer, /^HTTP\/1\.1 400 [^]*SALLYPORT_AUTHENTICATION_AMBIGUOUS/)
  }
  t.match(events, [
    { outcome: 'denied', reason: 'ambiguous' },
    { outcome: 'denied', reason: 'ambiguous' }
  ])
})

t.test('public routes and unknown routes are left alone; a route that declares nothing is not public', async t => {
  const { app } = await buildApp(t)
  t.same((await app.inject('/open')).json(), { principal: null })
  t.equal((await app.inject({ url: '/open', headers: bearer('broken') })).statusCode, 200)
  t.equal((await app.inject('/nowhere')).statusCode, 404)
  t.equal((await app.inject({ method: 'POST', url: '/orders' })).statusCode, 401)
  t.equal((await app.inject({ method: 'HEAD', url: '/orders' })).statusCode, 401)
})

t.test('a caller is refused before the body is parsed', async t => {
  const { app } = await buildApp(t)
  const answer = await app.inject({
    method: 'POST',
    url: '/orders',
    headers: { 'content-type': 'application/json' },
    payload: '{broken'
  })
  t.equal(answer.statusCode, 401)
})

t.test('an outage is 503 with Retry-After and a failure event, never 401', async t => {
  const keys = {
    ...fixedKeys(),
    find: async () => {
      throw new errors.KeysUnavailableError()
    }
  }
  const { app, events } = await buildApp(t, { ...good, keys })
  const answer = await app.inject({ url: '/orders', headers: bearer(signToken(key)) })
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '5')
  t.equal(answer.headers['www-authenticate'], undefined)
  t.match(events, [{ outcome: 'failure', reason: 'keys-unavailable' }])
})

t.test('the app may register @fastify/jwt itself, before or after, with or without a namespace', async t => {
  for (const order of ['before', 'after']) {
    for (const own of [{ secret: 'x'.repeat(32) }, { secret: 'x'.repeat(32), namespace: 'sallyport' }]) {
      const app = Fastify()
      t.teardown(() => app.close())
      if (order === 'before') await app.register(fastifyJwt, own)
      await app.register(securityContext)
      await app.register(authentication, good)
      if (order === 'after') await app.register(fastifyJwt, own)
      app.get('/', async request => request.principal?.subject)
      t.equal((await app.inject({ url: '/', headers: bearer(signToken(key)) })).statusCode, 200)
      t.equal('sallyport' in app.jwt, 'namespace' in own, 'its namespaces are its own')
    }
  }
})

t.test('the plugin can be registered in two scopes of one app', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  for (const audience of ['one', 'two']) {
    await app.register(async scope => {
      await scope.register(authentication, { ...good, audience })
      scope.get(`/${audience}`, async request => request.principal?.audience)
    })
  }
  const token = signToken(key, goodClaims({ aud: 'two' }))
  t.equal((await app.inject({ url: '/two', headers: bearer(token) })).body, 'two')
  t.equal((await app.inject({ url: '/one', headers: bearer(token) })).statusCode, 401)
})

t.test("the plugin works alone, with the app's own slot for the principal", async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, good)
  app.get('/', async request => request.principal?.subject)
  t.equal((await app.inject({ url: '/', headers: bearer(signToken(key)) })).body, goodClaims()['sub'])
  t.equal((await app.inject('/')).statusCode, 401)
})

t.test('without a slot for the principal the boot fails', async t => {
  const app = Fastify()
  await t.rejects(
    async () => {
      await app.register(authentication, good)
    },
    { code: 'FST_ERR_PLUGIN_NOT_PRESENT_IN_INSTANCE' }
  )
})

t.test('every mistake in the options is named at boot', async t => {
  const boot = async (options: AuthenticationOptions): Promise<void> => {
    const app = Fastify()
    app.decorateRequest('principal', null)
    await app.register(authentication, options)
  }
  const refused = async (options: AuthenticationOptions, message: RegExp) =>
    await t.rejects(boot(options), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', message })
  await refused({}, /no way to authenticate/)
  await refused({ issuer: 'ftp://x', audience: '' }, /issuer must.*audience must/)
  await refused({ ...good, jwksUri: 'https://issuer.example/jwks' }, /keys and jwksUri must not both be given/)
  await refused(
    { ...good, sharedSecret: { secret: 'short', issuer: ISSUER, audience: AUDIENCE } },
    /at least 32 bytes.*must not be mixed/
  )
  await refused(
    {
      ...good,
      verifier: {
        verify: async () => {
          throw new Error('no')
        }
      }
    },
    /verifier must not be mixed/
  )
  await refused(
    { introspection: { endpoint: 'http://far.example', clientId: '', clientSecret: 'x', audience: 'a' } },
    /endpoint.*clientId/
  )
})

t.test('a 401 offers every scheme; the one that was tried says what is wrong', async t => {
  const basic = {
    name: 'badge',
    challenge: 'Badge realm="door"',
    authenticate: async () => ({ kind: 'not-applicable' as const })
  }
  const { app } = await buildApp(t, { ...good, strategies: [basic] })
  t.equal((await app.inject('/orders')).headers['www-authenticate'], `Bearer realm="${AUDIENCE}", Badge realm="door"`)
  t.equal(
    (await app.inject({ url: '/orders', headers: bearer('x') })).headers['www-authenticate'],
    `Bearer realm="${AUDIENCE}", error="invalid_token", Badge realm="door"`
  )
  const outage = await buildApp(t, {
    ...good,
    keys: {
      ...fixedKeys(),
      find: async () => {
        throw new errors.KeysUnavailableError()
      }
    },
    strategies: [basic]
  })
  const answer = await outage.app.inject({ url: '/orders', headers: bearer(signToken(key)) })
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['www-authenticate'], undefined, 'an outage offers none')
})

t.test('interleaved requests keep their own principals', async t => {
  const { app } = await buildApp(t)
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const token = signToken(key, goodClaims({ sub: `user-${n}` }))
      return [n, (await app.inject({ url: '/orders', headers: bearer(token) })).json().subject]
    })
  )
  t.same(
    answers,
    answers.map(([n]) => [n, `user-${n}`])
  )
})
