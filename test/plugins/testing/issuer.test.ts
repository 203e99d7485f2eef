import { connect } from 'node:tls'
import authentication, { createTokenVerifier } from '@sallyport/authentication'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { createIssuer, frozenClock, startIssuer, type TestIssuer } from '@sallyport/testing'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

/** Why a verification failed. */
const refusal = (verified: Promise<unknown>): Promise<unknown> =>
  verified.then(
    () => 'accepted',
    (error: { reason?: unknown }) => error.reason
  )

const WHO = { config: { access: 'authenticated', audit: 'none' } } as const
const clients = { 'test-client': 'test-secret', gateway: 's ecret:&' }
const users = { alice: { password: 'pass:word', subject: 'user-1', roles: ['CUSTOMER'], scope: 'orders:read' } }

async function verifyingApp(t: Test, issuer: TestIssuer, dispatcher = issuer.dispatcher): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    issuer: issuer.issuer,
    audience: 'test-service',
    jwksUri: issuer.jwksUri,
    statusLists: { allowedUris: issuer.statusLists, pollMs: 1 },
    introspection: {
      endpoint: issuer.introspectionEndpoint,
      clientId: 'test-client',
      clientSecret: 'test-secret',
      audience: 'test-service',
      cacheMs: 0
    },
    dispatcher
  })
  app.get('/me', WHO, async ({ principal }) => ({ subject: principal?.subject, roles: principal?.roles }))
  await app.ready()
  return app
}

t.test('a token of the issuer is verified by its published keys, without a socket', async t => {
  const issuer = createIssuer()
  const app = await verifyingApp(t, issuer)
  const response = await issuer.injectAs(app, { sub: 'user-1', roles: ['CUSTOMER'] }, '/me')
  t.strictSame(response.json(), { subject: 'user-1', roles: ['CUSTOMER'] })
  t.ok(issuer.requests.includes('GET /jwks'))
  t.equal((await issuer.injectAs(app, { aud: 'another' }, '/me')).statusCode, 401)
  t.equal((await issuer.injectAs(app, { sub: undefined }, { url: '/me' })).statusCode, 401)
  t.equal((await createIssuer().injectAs(app, {}, '/me')).statusCode, 401, 'another issuer with the same name')
})

t.test('every algorithm that the plugins take can sign', async t => {
  for (const algorithm of ['ES256', 'EdDSA', 'RS256', 'PS256']) {
    const issuer = createIssuer({ algorithm })
    const verifier = createTokenVerifier({ issuer: issuer.issuer, audience: 'test-service', keys: issuer.keys })
    t.equal((await verifier.verify(issuer.token({ sub: algorithm }))).subject, algorithm)
  }
})

t.test('a revoked token is refused once the status list was looked at', async t => {
  const issuer = createIssuer()
  const app = await verifyingApp(t, issuer)
  const [token, other] = [issuer.token(), issuer.token()]
  const ask = async (bearer: string): Promise<number> =>
    (await app.inject({ url: '/me', headers: { authorization: `Bearer ${bearer}` } })).statusCode
  t.equal(await ask(token), 200)
  issuer.revoke(token)
  while ((await ask(token)) === 200) await new Promise(setImmediate)
  t.equal(await ask(token), 401)
  t.equal(await ask(other), 200, 'and no other one')
  t.throws(() => {
    issuer.revoke('not-one-of-ours')
  })
})

t.test('an opaque token is introspected, until it is revoked', async t => {
  const issuer = createIssuer()
  const app = await verifyingApp(t, issuer)
  const authorization = `Bearer ${issuer.opaqueToken({ sub: 'user-2' })}`
  t.equal((await app.inject({ url: '/me', headers: { authorization } })).json<{ subject: string }>().subject, 'user-2')
  issuer.revoke(authorization.slice('Bearer '.length))
  t.equal((await app.inject({ url: '/me', headers: { authorization } })).statusCode, 401)
})

t.test('after a rotation new tokens have a new key, and withdrawn keys verify nothing', async t => {
  const issuer = createIssuer()
  const verifier = createTokenVerifier({ issuer: issuer.issuer, audience: 'test-service', keys: issuer.keys })
  const before = issuer.token()
  issuer.rotateKeys()
  await t.resolves(verifier.verify(before))
  await t.resolves(verifier.verify(issuer.token()))
  issuer.rotateKeys('withdraw')
  t.equal(await refusal(verifier.verify(before)), 'key-unknown')
  await t.resolves(verifier.verify(issuer.token()))
})

t.test('its time is the clock that a test moves', async t => {
  const clock = frozenClock(1_800_000_000_000)
  const issuer = createIssuer({ clock, accessSeconds: 60 })
  const { keys, issuer: name } = issuer
  const verifier = createTokenVerifier({
    issuer: name,
    audience: 'test-service',
    keys,
    clock,
    clockToleranceSeconds: 0
  })
  const token = issuer.token()
  clock.advance(59_999)
  await t.resolves(verifier.verify(token))
  clock.advance(1)
  t.equal(await refusal(verifier.verify(token)), 'token-expired')
})

t.test('the token client gets, exchanges, refreshes and revokes tokens', async t => {
  const issuer = createIssuer({ clients, users })
  const { dispatcher } = issuer
  const metadata = () => discoverMetadata({ issuer: issuer.issuer, dispatcher })
  const client = createTokenClient({ metadata, clientId: 'gateway', clientSecret: 's ecret:&', dispatcher })
  const verifier = (audience: string) => createTokenVerifier({ issuer: issuer.issuer, audience, keys: issuer.keys })

  const granted = await client.password({ username: 'alice', password: 'pass:word' })
  const principal = await verifier('test-service').verify(granted.accessToken)
  t.match(principal, { subject: 'user-1', roles: ['CUSTOMER'], scopes: ['orders:read'], clientId: 'gateway' })
  await t.rejects(client.password({ username: 'alice', password: 'x' }), { code: 'SALLYPORT_TOKEN_REJECTED' })
  await t.rejects(client.password({ username: 'toString', password: 'x' }), { code: 'SALLYPORT_TOKEN_REJECTED' })

  const exchanged = await client.exchange({ subjectToken: granted.accessToken, audience: 'orders' })
  t.match(await verifier('orders').verify(exchanged.accessToken), { subject: 'user-1', actor: { subject: 'gateway' } })
  const own = await client.clientCredentials({ audience: 'orders', scope: 'jobs' })
  t.match(await verifier('orders').verify(own.accessToken), { subject: 'gateway', scopes: ['jobs'] })

  const refreshToken = granted.refreshToken ?? ''
  const refreshed = await client.refresh({ refreshToken })
  await t.rejects(client.refresh({ refreshToken }), { code: 'SALLYPORT_TOKEN_REJECTED' }, 'it is used once')
  await client.revoke({ token: refreshed.accessToken })
  await t.rejects(client.exchange({ subjectToken: refreshed.accessToken, audience: 'orders' }), {
    code: 'SALLYPORT_TOKEN_REJECTED'
  })
})

t.test('a client with a wrong secret is refused, and an issuer in trouble answers with that', async t => {
  const issuer = createIssuer({ clients, users })
  const { dispatcher } = issuer
  const metadata = () => discoverMetadata({ issuer: issuer.issuer, dispatcher })
  const wrong = createTokenClient({ metadata, clientId: 'gateway', clientSecret: 'wrong', dispatcher })
  await t.rejects(wrong.clientCredentials({}), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' })
  issuer.trouble = 503
  t.equal((await issuer.fetch(issuer.jwksUri)).status, 503)
  issuer.trouble = null
  t.equal((await issuer.fetch(issuer.jwksUri)).status, 200)
  t.equal((await issuer.fetch(`${issuer.issuer}/elsewhere`)).status, 404)
})

t.test('it listens with TLS, by a certificate of its own authority', async t => {
  const issuer = await startIssuer(t)
  const app = await verifyingApp(t, issuer)
  t.equal((await issuer.injectAs(app, {}, '/me')).statusCode, 200)
  const { hostname, port } = new URL(issuer.issuer)
  const peer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: issuer.ca }, () => {
      resolve(socket.getPeerX509Certificate()?.issuer ?? '')
      socket.destroy()
    }).on('error', reject)
  })
  t.equal(peer, 'CN=Sallyport test CA')
  await t.rejects(fetch(issuer.jwksUri), 'nobody else trusts it')
})
