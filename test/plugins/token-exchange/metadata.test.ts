import { discoverMetadata } from '@sallyport/token-exchange'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { MockAgent } from 'undici'
import { listen, metadataDocument } from '../../support/fake-authorization-server.ts'

const OAUTH = '/.well-known/oauth-authorization-server'
type Document = Record<string, unknown>

async function serve(t: Test, paths: Record<string, (issuer: string) => unknown>): Promise<string> {
  const origin: string = await listen(t, Fastify(), app => {
    for (const [path, document] of Object.entries(paths)) app.get(path, () => document(origin))
  })
  return origin
}

t.test('the RFC 8414 document gives the endpoints', async t => {
  const issuer = await serve(t, { [OAUTH]: metadataDocument })
  t.same(await discoverMetadata({ issuer }), {
    issuer,
    tokenEndpoint: `${issuer}/oauth2/token`,
    revocationEndpoint: `${issuer}/oauth2/revoke`,
    jwksUri: `${issuer}/oauth2/jwks`,
    introspectionEndpoint: null,
    authorizationEndpoint: null,
    pushedRequestEndpoint: null,
    endSessionEndpoint: null,
    statusListsEndpoint: null,
    answersNameIssuer: false,
    clientAuthenticationMethods: ['client_secret_basic'],
    mtlsEndpointAliases: {}
  })
})

t.test('an issuer with a path has the well-known part inserted before it', async t => {
  const origin = await serve(t, { [`${OAUTH}/realm`]: origin => metadataDocument(`${origin}/realm`) })
  t.equal((await discoverMetadata({ issuer: `${origin}/realm` })).tokenEndpoint, `${origin}/realm/oauth2/token`)
})

t.test('where there is no RFC 8414 document the OpenID Connect one is used', async t => {
  const origin = await serve(t, {
    '/realm/.well-known/openid-configuration': origin => metadataDocument(`${origin}/realm`)
  })
  t.equal((await discoverMetadata({ issuer: `${origin}/realm` })).issuer, `${origin}/realm`)
})

t.test('an issuer that answers its other paths with a 4xx of its own has the OpenID Connect document', async t => {
  for (const status of [400, 401, 403, 405, 410]) {
    const issuer: string = await listen(t, Fastify(), app => {
      app.get(OAUTH, (_request, reply) => reply.code(status).send())
      app.get('/.well-known/openid-configuration', () => metadataDocument(issuer))
    })
    t.equal((await discoverMetadata({ issuer })).issuer, issuer, String(status))
  }
  for (const status of [408, 429]) {
    const issuer: string = await listen(t, Fastify(), app => {
      app.get(OAUTH, (_request, reply) => reply.code(status).send())
      app.get('/.well-known/openid-configuration', () => metadataDocument(issuer))
    })
    await t.rejects(discoverMetadata({ issuer }), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' }, `${status} means later`)
  }
})

t.test('an https issuer may name endpoints on other origins, by https alone', async t => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.after(() => agent.close())
  const document = {
    issuer: 'https://accounts.issuer.example',
    token_endpoint: 'https://oauth2.issuer.example/token',
    jwks_uri: 'https://keys.elsewhere.example/certs'
  }
  const answer = (changes: Document) => {
    agent
      .get(document.issuer)
      .intercept({ path: OAUTH })
      .reply(200, { ...document, ...changes })
    return discoverMetadata({ issuer: document.issuer, dispatcher: agent })
  }
  t.match(await answer({}), {
    tokenEndpoint: document.token_endpoint,
    jwksUri: document.jwks_uri,
    clientAuthenticationMethods: ['client_secret_basic']
  })
  await t.rejects(answer({ jwks_uri: 'http://127.0.0.1:9/certs' }), {
    code: 'SALLYPORT_TOKEN_METADATA_INVALID',
    message: /jwks_uri is not on the issuer's origin/
  })
  await t.rejects(answer({ issuer: `${document.issuer}/` }), { code: 'SALLYPORT_TOKEN_METADATA_INVALID' })
})

t.test('endpoints for mutual TLS may be on another origin', async t => {
  const aliases = { token_endpoint: 'https://localhost:8092/oauth2/token' }
  const issuer = await serve(t, {
    [OAUTH]: issuer => ({ ...metadataDocument(issuer), mtls_endpoint_aliases: aliases })
  })
  t.same((await discoverMetadata({ issuer })).mtlsEndpointAliases, aliases)
})

t.test('a document that cannot be trusted is refused with every reason', async t => {
  const cases: readonly [string, (issuer: string) => Document | string, RegExp][] = [
    [
      'another issuer',
      issuer => ({ ...metadataDocument(issuer), issuer: 'https://issuer.example' }),
      /names the issuer "https:\/\/issuer.example"/
    ],
    [
      'the issuer with a slash more',
      issuer => ({ ...metadataDocument(issuer), issuer: `${issuer}/` }),
      /names the issuer/
    ],
    ['an issuer list', issuer => ({ ...metadataDocument(issuer), issuer: [issuer] }), /names the issuer/],
    [
      'a token endpoint elsewhere',
      issuer => ({ ...metadataDocument(issuer), token_endpoint: 'https://issuer.example/token' }),
      /token_endpoint is not on the issuer's origin/
    ],
    [
      'a plain JWKS elsewhere',
      issuer => ({ ...metadataDocument(issuer), jwks_uri: 'http://issuer.example/jwks' }),
      /jwks_uri is neither https/
    ],
    [
      'no token endpoint',
      issuer => ({ ...metadataDocument(issuer), token_endpoint: undefined }),
      /token_endpoint is missing/
    ],
    [
      'an endpoint that is no string',
      issuer => ({ ...metadataDocument(issuer), revocation_endpoint: 5 }),
      /revocation_endpoint is not a string/
    ],
    [
      'credentials in an endpoint',
      issuer => ({ ...metadataDocument(issuer), token_endpoint: issuer.replace('//', '//a:b@') }),
      /token_endpoint carries credentials/
    ],
    [
      'a plain alias',
      issuer => ({ ...metadataDocument(issuer), mtls_endpoint_aliases: { token_endpoint: 'http://issuer.example/' } }),
      /aliases.token_endpoint is neither https/
    ],
    ['no JSON', () => 'hello', /not a JSON object/],
    ['two mistakes', () => ({ issuer: 'https://issuer.example' }), /names the issuer .*; token_endpoint is missing/]
  ]
  for (const [title, document, message] of cases) {
    const issuer = await serve(t, { [OAUTH]: document })
    await t.rejects(discoverMetadata({ issuer }), { code: 'SALLYPORT_TOKEN_METADATA_INVALID', message }, title)
  }
})

t.test('an issuer that must not be asked is refused before any request', async t => {
  for (const issuer of [
    'http://issuer.example',
    'ftp://127.0.0.1',
    'issuer',
    'https://a:b@issuer.example',
    'https://issuer.example/#x',
    'https://issuer.example/?x',
    'http://localhost.issuer.example',
    'http://127.0.0.1.issuer.example'
  ]) {
    await t.rejects(discoverMetadata({ issuer }), { code: 'SALLYPORT_TOKEN_METADATA_INVALID' }, issuer)
  }
})

t.test('no document, an error, an endless document or silence is an outage', async t => {
  const endless = Fastify({ forceCloseConnections: true })
  const cases: Record<string, string> = {
    missing: await serve(t, {}),
    endless: await listen(t, endless, app => app.get(OAUTH, () => ' '.repeat(256 * 1024 + 1))),
    broken: await listen(t, Fastify(), app => app.get(OAUTH, (_request, reply) => reply.code(500).send())),
    silent: await listen(t, Fastify({ forceCloseConnections: true }), app =>
      app.get(OAUTH, () => new Promise(() => {}))
    )
  }
  for (const [title, issuer] of Object.entries(cases)) {
    await t.rejects(
      discoverMetadata({ issuer, timeoutMs: title === 'silent' ? 50 : 5000 }),
      { code: 'SALLYPORT_TOKEN_UNAVAILABLE' },
      title
    )
  }
})
