import authentication, { createTokenVerifier, type AuthenticationOptions } from '@sallyport/authentication'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { createIssuer, frozenClock, recordSecurityEvents } from '@sallyport/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { MockAgent } from 'undici'
import { issuerKey, NOW, signToken } from '../../support/issuer.ts'

const audience = 'orders'
const METADATA = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'

/** An app whose options beside the issuer and the audience a test gives. */
async function openApp(t: Test, options: AuthenticationOptions) {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => lines.push(line) } } })
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, { audience, ...options })
  const events = recordSecurityEvents(app)
  app.get('/', async request => request.principal)
  const ask = (token: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  return { app, ask, lines, reasons: () => events.all().map(({ reason }) => reason) }
}

t.test('issuer and audience are enough: the metadata names keys and status lists', async t => {
  const clock = frozenClock()
  const issuer = createIssuer({ audience, clock })
  const { ask, lines } = await openApp(t, { issuer: issuer.issuer, dispatcher: issuer.dispatcher, clock })
  const token = issuer.token({ roles: ['CLERK'] })
  const answer = await ask(token)
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { issuer: issuer.issuer, subject: 'test-user', audience, roles: ['CLERK'] })
  t.same(issuer.requests, [`GET ${METADATA}`, 'GET /jwks', 'GET /status-lists/', 'GET /status-lists/1'])

  const revoked = issuer.token()
  issuer.revoke(revoked)
  clock.advance(10_000)
  const other = createIssuer({ audience, clock, issuer: 'https://other.example' })
  const fresh = await openApp(t, { issuer: issuer.issuer, dispatcher: issuer.dispatcher, clock })
  t.equal((await fresh.ask(revoked)).statusCode, 401)
  t.ok(fresh.reasons().includes('token-revoked'))
  t.equal((await fresh.ask(other.token())).statusCode, 401)
  t.same(lines, [], 'nothing to complain about')
})

t.test('a list that the issuer does not publish is never fetched, and its tokens get 503', async t => {
  const issuer = createIssuer({ audience })
  const { ask } = await openApp(t, { issuer: issuer.issuer, dispatcher: issuer.dispatcher })
  for (const uri of ['/introspect', '/status-lists/2', '/status-lists/../jwks']) {
    const status = { status_list: { idx: 1, uri: `${issuer.issuer}${uri}` } }
    t.equal((await ask(issuer.token({ status }))).statusCode, 503, uri)
    t.equal((await ask(issuer.token({ status }))).statusCode, 503, uri)
  }
  const asked = issuer.requests.filter(request => request.includes('status-lists') || request.includes('introspect'))
  t.same(asked, ['GET /status-lists/', 'GET /status-lists/'], 'each address is looked up once')
})

/** Metadata, keys and whatever else, by https and without a socket. */
function hostedIssuer(t: Test, issuer: string, document: object, location = METADATA) {
  const key = issuerKey('RS256')
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.after(() => agent.close())
  agent
    .get(new URL(issuer).origin)
    .intercept({ path: location })
    .reply(200, { issuer, ...document })
    .persist()
  const serveKeys = (uri: string) => {
    const { origin, pathname } = new URL(uri)
    agent
      .get(origin)
      .intercept({ path: pathname })
      .reply(200, { keys: [key.jwk] })
      .persist()
  }
  const token = (claims = {}) =>
    signToken(key, {
      iss: issuer,
      sub: 'alice',
      aud: audience,
      client_id: 'web',
      iat: NOW - 10,
      exp: NOW + 290,
      jti: '1',
      ...claims
    })
  return { agent, token, serveKeys }
}

t.test('V23: the keys of an https issuer may be on another origin, which its metadata names', async t => {
  const issuer = 'https://accounts.example'
  const jwksUri = 'https://keys.elsewhere.example/certs'
  const { agent, token, serveKeys } = hostedIssuer(t, issuer, { jwks_uri: jwksUri })
  serveKeys(jwksUri)
  const clock = frozenClock(NOW * 1000)
  const { ask, reasons } = await openApp(t, { issuer, dispatcher: agent, clock })
  t.equal((await ask(token())).statusCode, 200)
  const status = { status_list: { idx: 1, uri: 'https://accounts.example/lists/1' } }
  t.equal((await ask(token({ status }))).statusCode, 200, 'it publishes no lists')
  t.ok(reasons().includes('status-not-followed'))
})

t.test('V23: metadata of somebody else, or without keys, fails the boot', async t => {
  const issuer = 'https://accounts.example'
  const jwks = { jwks_uri: 'https://accounts.example/jwks' }
  const cases: readonly [string, object][] = [
    ['another issuer', { ...jwks, issuer: 'https://evil.example' }],
    ['a slash more', { ...jwks, issuer: `${issuer}/` }],
    ['upper case', { ...jwks, issuer: 'https://Accounts.example' }],
    ['a letter that looks alike', { ...jwks, issuer: 'https://аccounts.example' }],
    ['a template', { ...jwks, issuer: 'https://accounts.example/{tenantid}' }],
    ['a list', { ...jwks, issuer: [issuer] }],
    ['no keys', {}],
    ['keys by plain http', { jwks_uri: 'http://accounts.example/jwks' }],
    ['keys of this machine', { jwks_uri: 'http://127.0.0.1:1/jwks' }],
    ['keys with a password', { jwks_uri: 'https://a:b@accounts.example/jwks' }]
  ]
  for (const [title, document] of cases) {
    const { agent } = hostedIssuer(t, issuer, document)
    const { app } = await openApp(t, { issuer, dispatcher: agent })
    await t.rejects(async () => await app.ready(), { code: 'SALLYPORT_AUTHENTICATION_ISSUER_METADATA_INVALID' }, title)
  }
})

t.test('V23: a plain issuer on loopback may not name endpoints elsewhere', async t => {
  const plain = 'http://127.0.0.1:8180'
  const { agent } = hostedIssuer(t, plain, { jwks_uri: 'https://keys.elsewhere.example/certs' })
  const { app } = await openApp(t, { issuer: plain, dispatcher: agent })
  await t.rejects(async () => await app.ready(), { message: /jwks_uri is not on the issuer's origin/ })
})

t.test('an issuer that is away keeps nobody from starting, and is asked once a second', async t => {
  const clock = frozenClock()
  const issuer = createIssuer({ audience, clock })
  const { ask } = await openApp(t, { issuer: issuer.issuer, dispatcher: issuer.dispatcher, clock })
  issuer.trouble = 503
  const token = issuer.token({ status: undefined })
  for (let times = 0; times < 20; times++) t.equal((await ask(token)).statusCode, 503)
  t.equal(issuer.requests.length, 1, 'one question')
  issuer.trouble = null
  clock.advance(2001)
  t.equal((await ask(token)).statusCode, 200)
})

t.test('metadata elsewhere is read where the option says, and names the issuer all the same', async t => {
  const issuer = 'https://sts.example/tenant/'
  const metadataUri = 'https://login.example/tenant/.well-known/openid-configuration'
  const { agent, token, serveKeys } = hostedIssuer(t, issuer, {})
  const serve = (document: object) =>
    agent
      .get('https://login.example')
      .intercept({ path: '/tenant/.well-known/openid-configuration' })
      .reply(200, { jwks_uri: 'https://login.example/keys', ...document })
  serveKeys('https://login.example/keys')
  serve({ issuer })
  const clock = frozenClock(NOW * 1000)
  const { ask } = await openApp(t, { issuer, metadataUri, dispatcher: agent, clock })
  t.equal((await ask(token())).statusCode, 200)
  serve({ issuer: 'https://login.example/tenant/' })
  const { app } = await openApp(t, { issuer, metadataUri, dispatcher: agent, clock })
  await t.rejects(async () => await app.ready(), { code: 'SALLYPORT_AUTHENTICATION_ISSUER_METADATA_INVALID' })
})

t.test('opaque tokens are checked where the metadata says', async t => {
  const issuer = createIssuer({ audience, clients: { orders: 'a-secret-of-the-service' } })
  const introspection = { clientId: 'orders', clientSecret: 'a-secret-of-the-service' }
  const { ask } = await openApp(t, { issuer: issuer.issuer, dispatcher: issuer.dispatcher, introspection })
  const answer = await ask(issuer.opaqueToken())
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { issuer: issuer.issuer, audience })
  t.equal((await ask(issuer.opaqueToken({ iss: 'https://other.example' }))).statusCode, 401, 'of another issuer')
  t.equal((await ask(issuer.token())).statusCode, 200, 'a JWT')

  const { agent } = hostedIssuer(t, 'https://accounts.example', { jwks_uri: 'https://accounts.example/jwks' }, OPENID)
  agent.get('https://accounts.example').intercept({ path: METADATA }).reply(404, '')
  const without = await openApp(t, { issuer: 'https://accounts.example', dispatcher: agent, introspection })
  t.equal((await without.ask('opaque')).statusCode, 401, 'an issuer without the endpoint gives no opaque tokens')
})

t.test('a verifier finds no metadata by itself: keys stay its option', async t => {
  t.throws(() => createTokenVerifier({ issuer: 'https://issuer.example', audience } as never), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
    message: /keys is missing/
  })
})
