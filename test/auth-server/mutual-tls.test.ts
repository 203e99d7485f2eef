import { createHash, X509Certificate } from 'node:crypto'
import { admin } from '@sallyport/auth-server'
import { createPeerAgent } from '@sallyport/secure-transport'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { makeAuthority, type IssuedCertificate } from '../support/certificates.ts'
import { administration } from '../support/administration.ts'
import {
  basic,
  claimsOf,
  FACTS,
  introspect,
  ISSUER,
  login,
  startServer,
  type TestServer,
  type TokenAnswer
} from '../support/authorization-server.ts'
import { codeFlow } from './support/code-flow.ts'

const authority = await makeAuthority()
const clientAuthority = await makeAuthority({ name: 'clients' })
const server = await authority.issue({ names: ['localhost'], usages: ['server'] })
const named = await clientAuthority.issue({
  names: ['client.example'],
  uris: ['spiffe://example/client'],
  usages: ['client']
})
const other = await clientAuthority.issue({ names: ['other.example'], usages: ['client'] })
const foreign = await (
  await makeAuthority()
).issue({ names: ['client.example'], uris: ['spiffe://example/client'], usages: ['client'] })
const notForClients = await clientAuthority.issue({
  names: ['client.example'],
  uris: ['spiffe://example/client'],
  usages: ['server']
})
const expired = await clientAuthority.issue({
  names: ['client.example'],
  uris: ['spiffe://example/client'],
  usages: ['client'],
  notBefore: new Date(Date.now() - 2e8),
  notAfter: new Date(Date.now() - 1e8)
})

const thumbprintOf = ({ certificate }: IssuedCertificate): string =>
  createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url')
const machine = { grantTypes: ['client_credentials'], scopes: ['orders:read'], defaultAudience: 'sallyport-gateway' }

interface MutualTlsServer extends TestServer {
  readonly aliases: Record<string, string>
  readonly post: (
    path: string,
    certificate: IssuedCertificate | null,
    form: Record<string, string>,
    authorization?: string
  ) => Promise<{ status: number; text: string; body: TokenAnswer }>
}

async function start(t: Test): Promise<MutualTlsServer> {
  const tls = { certificate: server.certificate, privateKey: server.privateKey, ca: authority.certificate }
  const started = await startServer(t, { mtlsPort: 0 }, { tls, clientCa: clientAuthority.certificate })
  const create = async (id: string, more: Partial<Parameters<typeof admin.createClient>[1]>) =>
    await admin.createClient(administration(started.db), { id, ...machine, ...more })
  await create('uri-client', {
    authenticationMethods: ['tls_client_auth'],
    certificateSubject: { kind: 'uri', value: 'spiffe://example/client' }
  })
  await create('dns-client', {
    authenticationMethods: ['tls_client_auth'],
    certificateSubject: { kind: 'dns', value: 'client.example' }
  })
  await create('dn-client', {
    authenticationMethods: ['tls_client_auth'],
    certificateSubject: { kind: 'dn', value: 'CN=client.example' }
  })
  await create('own-certificate', {
    authenticationMethods: ['self_signed_tls_client_auth'],
    certificateThumbprints: [thumbprintOf(foreign)]
  })
  await create('bound-client', { secret: 's'.repeat(32), certificateBoundTokens: true })
  const aliases = (await started.app.inject('/.well-known/oauth-authorization-server')).json().mtls_endpoint_aliases
  const agents = new Map<IssuedCertificate | null, ReturnType<typeof createPeerAgent>>()
  t.after(async () => {
    await Promise.all([...agents.values()].map(async agent => await agent.close()))
  })
  return {
    ...started,
    aliases,
    post: async (path, certificate, form, authorization) => {
      const agent =
        agents.get(certificate) ??
        createPeerAgent({
          ca: authority.certificate,
          addresses: { localhost: '127.0.0.1' },
          ...(certificate !== null && { certificate: certificate.certificate, privateKey: certificate.privateKey })
        })
      agents.set(certificate, agent)
      const answer = await request(new URL(path, aliases.token_endpoint), {
        dispatcher: agent,
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...(authorization !== undefined && { authorization })
        },
        body: new URLSearchParams(form).toString()
      })
      const text = await answer.body.text()
      return { status: answer.statusCode, text, body: (text === '' ? {} : JSON.parse(text)) as TokenAnswer }
    }
  }
}

const ask = async ({ post }: MutualTlsServer, clientId: string, certificate: IssuedCertificate | null) =>
  await post('/oauth2/token', certificate, { grant_type: 'client_credentials', client_id: clientId })

t.test('a certificate that carries the registered name authenticates, and the token is bound to it', async t => {
  const server = await start(t)
  for (const client of ['uri-client', 'dns-client', 'dn-client']) {
    const { status, body } = await ask(server, client, named)
    t.match([status, body.token_type], [200, 'Bearer'], client)
    t.strictSame(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprintOf(named) })
    t.match(await introspect(server.app, body.access_token), {
      active: true,
      token_type: 'Bearer',
      cnf: { 'x5t#S256': thumbprintOf(named) }
    })
  }
})

t.test('a registered certificate authenticates whoever issued it', async t => {
  const server = await start(t)
  const { status, body } = await ask(server, 'own-certificate', foreign)
  t.equal(status, 200)
  t.strictSame(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprintOf(foreign) })
})

t.test(
  'O-16: an unknown client, another certificate, name or authority, a wrong purpose and an expired one are the same answer',
  async t => {
    const server = await start(t)
    const cases: ReadonlyArray<readonly [string, IssuedCertificate | null, string]> = [
      ['nobody', named, 'client-unknown'],
      ['uri-client', other, 'client-certificate-wrong'],
      ['dns-client', other, 'client-certificate-wrong'],
      ['dn-client', other, 'client-certificate-wrong'],
      ['uri-client', foreign, 'client-certificate-wrong'],
      ['dns-client', notForClients, 'client-certificate-wrong'],
      ['dns-client', expired, 'client-certificate-wrong'],
      ['own-certificate', named, 'client-certificate-wrong'],
      ['machine-client', named, 'client-certificate-wrong'],
      ['uri-client', null, 'client-authentication-method']
    ]
    const answers = new Set<string>()
    for (const [client, certificate, reason] of cases) {
      const { status, text } = await ask(server, client, certificate)
      answers.add(`${status} ${text}`)
      t.match(server.events.at(-1), { stage: 'grant', outcome: 'denied', reason }, `${client} ${reason}`)
    }
    const confuse = async (id: string, method: string) => {
      await server
        .db('clients')
        .where({ id })
        .update({ authentication_methods: [method] })
    }
    await confuse('dns-client', 'self_signed_tls_client_auth')
    t.equal((await ask(server, 'dns-client', named)).status, 401, 'the name is registered, the method is not')
    await confuse('own-certificate', 'tls_client_auth')
    t.equal(
      (await ask(server, 'own-certificate', foreign)).status,
      401,
      'the certificate is registered, the method is not'
    )
    await server.db('clients').where({ id: 'uri-client' }).update({ disabled_at: new Date() })
    const { status, text } = await ask(server, 'uri-client', named)
    answers.add(`${status} ${text}`)
    t.match(server.events.at(-1), { reason: 'client-disabled' })
    t.strictSame([...answers], ['401 {"error":"invalid_client","error_description":"Client authentication failed"}'])
  }
)

t.test('O-16: a name that only looks like another is not it, and a registered name is no pattern', async t => {
  const server = await start(t)
  const tricky = await clientAuthority.issue({
    names: ['x.example'],
    uris: ['spiffe://example/x, URI:spiffe://example/client'],
    usages: ['client']
  })
  const otherKind = await clientAuthority.issue({ names: ['x.example'], uris: ['client.example'], usages: ['client'] })
  const wildcard = await clientAuthority.issue({
    names: ['*.example'],
    uris: ['spiffe://example/*'],
    usages: ['client']
  })
  for (const certificate of [tricky, wildcard, otherKind]) {
    for (const client of ['uri-client', 'dns-client']) t.equal((await ask(server, client, certificate)).status, 401)
  }
})

t.test("the issuer's own listener asks for no certificate", async t => {
  const server = await start(t)
  const url = new URL(await server.app.listen({ port: 0, host: '127.0.0.1' }))
  const agent = createPeerAgent({
    ca: authority.certificate,
    certificate: named.certificate,
    privateKey: named.privateKey,
    addresses: { localhost: '127.0.0.1' }
  })
  const { statusCode, body } = await request(`https://localhost:${url.port}/oauth2/token`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials&client_id=uri-client'
  })
  t.equal(statusCode, 401)
  await body.dump()
  await agent.close()
})

t.test(
  'a client that asked for bound tokens gets them with a secret and its certificate, and none without',
  async t => {
    const server = await start(t)
    const authorization = basic('bound-client', 's'.repeat(32))
    const { status, body } = await server.post(
      '/oauth2/token',
      other,
      { grant_type: 'client_credentials' },
      authorization
    )
    t.equal(status, 200)
    t.strictSame(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprintOf(other) })
    t.match(await server.post('/oauth2/token', null, { grant_type: 'client_credentials' }, authorization), {
      status: 400,
      body: { error: 'invalid_request' }
    })
    t.equal(server.events.at(-1)?.reason, 'certificate-missing')
    const unbound = await server.post(
      '/oauth2/token',
      other,
      { grant_type: 'client_credentials' },
      basic('machine-client')
    )
    t.notOk('cnf' in claimsOf(unbound.body.access_token), 'a client that did not ask gets a bearer token')
  }
)

t.test('an opaque token is bound as well, and introspection shows to what', async t => {
  const server = await start(t)
  await server.db('clients').where({ id: 'uri-client' }).update({ access_token_format: 'opaque' })
  const { body } = await ask(server, 'uri-client', named)
  t.match(await introspect(server.app, body.access_token), { active: true, cnf: { 'x5t#S256': thumbprintOf(named) } })
})

t.test('a refresh token of a public client is bound to its certificate', async t => {
  const server = await start(t)
  const { refresh_token: refreshToken = '' } = (await login(server.app)).body
  await server.db('clients').where({ id: 'native-app' }).update({ certificate_bound_tokens: true })
  await server
    .db('sessions')
    .where({ user_id: FACTS.users.customer1.subject })
    .update({ client_id: 'native-app', confirmation: JSON.stringify({ 'x5t#S256': thumbprintOf(named) }) })
  const refresh = async (certificate: IssuedCertificate) =>
    await server.post('/oauth2/token', certificate, {
      grant_type: 'refresh_token',
      client_id: 'native-app',
      refresh_token: refreshToken
    })
  t.match(await refresh(other), { status: 400, body: { error: 'invalid_grant' } })
  t.equal(server.events.at(-1)?.reason, 'refresh-token-key')
  const { status, body } = await refresh(named)
  t.equal(status, 200)
  t.strictSame(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprintOf(named) })
})

t.test('V21: userinfo takes a token that is bound to a certificate only on a connection with it', async t => {
  const server = await start(t)
  const { tokens } = await codeFlow(server.app)
  await server.db('clients').where({ id: 'web-app' }).update({ certificate_bound_tokens: true })
  const { body } = await server.post(
    '/oauth2/token',
    named,
    { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' },
    basic('web-app')
  )
  const userInfo = async (certificate: IssuedCertificate | null) =>
    await server.post(server.aliases.userinfo_endpoint ?? '', certificate, {}, `Bearer ${body.access_token}`)
  t.match(await userInfo(named), { status: 200, body: { sub: FACTS.users.customer1.subject } })
  for (const certificate of [other, null]) t.equal((await userInfo(certificate)).status, 401)
  t.equal(
    (await server.app.inject({ url: '/oauth2/userinfo', headers: { authorization: `Bearer ${body.access_token}` } }))
      .statusCode,
    401
  )
})

t.test('a certificate authenticates at introspection and revocation too', async t => {
  const server = await start(t)
  await server.db('clients').where({ id: 'uri-client' }).update({ own_audience: 'sallyport-gateway' })
  const { access_token: value } = (await ask(server, 'uri-client', named)).body
  const form = { client_id: 'uri-client', token: value }
  t.match((await server.post('/oauth2/introspect', named, form)).body, { active: true })
  t.equal((await server.post('/oauth2/introspect', other, form)).status, 401)
  t.equal((await server.post('/oauth2/revoke', named, form)).status, 200)
  t.match((await server.post('/oauth2/introspect', named, form)).body, { active: false })
})

t.test('O-25: the metadata names the listener and its methods only where there is one', async t => {
  const server = await start(t)
  const document = (await server.app.inject('/.well-known/oauth-authorization-server')).json()
  const methods = [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth'
  ]
  for (const endpoint of ['token', 'revocation', 'introspection']) {
    t.strictSame(
      document[`${endpoint}_endpoint_auth_methods_supported`].filter((method: string) => method !== 'none'),
      methods,
      endpoint
    )
    t.equal(
      new URL(server.aliases[`${endpoint}_endpoint`] ?? '').pathname,
      new URL(document[`${endpoint}_endpoint`]).pathname
    )
  }
  t.equal(document.tls_client_certificate_bound_access_tokens, true)
  t.equal(document.token_endpoint, `${ISSUER}/oauth2/token`)
  const public_ = await server.another({ mtlsOrigin: 'https://mtls.example' })
  t.equal(
    (await public_.inject('/.well-known/oauth-authorization-server')).json().mtls_endpoint_aliases.token_endpoint,
    'https://mtls.example/oauth2/token'
  )
  const plain = (await (await startServer(t)).app.inject('/.well-known/oauth-authorization-server')).json()
  t.notOk('mtls_endpoint_aliases' in plain)
  t.notOk(plain.token_endpoint_auth_methods_supported.includes('tls_client_auth'))
})

t.test('the listener needs TLS, and its clients need what their method checks', async t => {
  const { another, db } = await startServer(t)
  await t.rejects(another({ mtlsPort: 0 }), {
    code: 'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID',
    message: /mtlsPort needs/
  })
  const refused = async (
    authenticationMethods: ['tls_client_auth' | 'self_signed_tls_client_auth'],
    more: object,
    message: RegExp
  ) =>
    await t.rejects(admin.createClient(administration(db), { id: 'c', ...machine, authenticationMethods, ...more }), {
      code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID',
      message
    })
  await refused(['tls_client_auth'], {}, /needs certificateSubject/)
  await refused(['self_signed_tls_client_auth'], {}, /needs certificateThumbprints/)
  await refused(['self_signed_tls_client_auth'], { certificateThumbprints: ['x'] }, /base64url/)
})
