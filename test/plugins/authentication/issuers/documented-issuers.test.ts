// Issuers as their documentation describes them: metadata, keys and tokens that this test signs itself.
import authentication, { type AuthenticationOptions, type Profile } from '@sallyport/authentication'
import { discoverMetadata } from '@sallyport/token-exchange'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { frozenClock } from '@sallyport/testing'
import Fastify from 'fastify'
import { readdirSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { MockAgent } from 'undici'
import { issuerKey, NOW, signToken } from '../../../support/issuer.ts'

type Members = Record<string, unknown>

interface DocumentedToken {
  readonly header: Members
  readonly claims: Members
}

/** One of the files beside this test. */
interface DocumentedIssuer {
  readonly madeFrom: string
  readonly sources: readonly string[]
  readonly location: string
  readonly metadataUri?: string
  readonly metadata: Members & { readonly issuer: string; readonly jwks_uri: string; readonly token_endpoint: string }
  readonly jwk: Members
  readonly profile: Profile
  readonly audience: string
  readonly accessToken?: DocumentedToken
  readonly opaqueAccessToken?: string
  readonly principal?: Members
  readonly idToken: DocumentedToken
}

const folder = new URL('fixtures/', import.meta.url)
const fixtures = readdirSync(folder).map(file => ({
  name: file.replace('.json', ''),
  documented: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as DocumentedIssuer
}))
const documentedIssuer = (name: string): DocumentedIssuer => {
  const found = fixtures.find(fixture => fixture.name === name)
  if (found === undefined) throw new Error(`no fixture ${name}`)
  return found.documented
}

const key = issuerKey('RS256', 'documented-key')

/** The issuer's documents by https, without a socket. */
function serveIssuer(t: Test, { location, metadataUri, metadata, jwk }: DocumentedIssuer, changes: Members = {}) {
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.after(() => agent.close())
  const { origin } = new URL(metadataUri ?? metadata.issuer)
  agent
    .get(origin)
    .intercept({ path: location })
    .reply(200, { ...metadata, ...changes })
    .persist()
  // Hosted issuers answer a path that is none of theirs with a 4xx.
  agent
    .get(origin)
    .intercept({ path: path => path.startsWith('/.well-known/oauth-authorization-server') })
    .reply(400, 'no')
    .persist()
  const keys = new URL(metadata.jwks_uri)
  const { alg: _alg, ...published } = key.jwk
  agent
    .get(keys.origin)
    .intercept({ path: keys.pathname })
    .reply(200, { keys: [{ ...published, ...jwk }] })
    .persist()
  return agent
}

async function openService(t: Test, documented: DocumentedIssuer, more: AuthenticationOptions = {}) {
  const { metadata, metadataUri, audience, profile } = documented
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    issuer: metadata.issuer,
    audience,
    profile,
    ...(metadataUri === undefined ? {} : { metadataUri }),
    dispatcher: serveIssuer(t, documented),
    clock: frozenClock(NOW * 1000),
    ...more
  })
  app.get('/', async request => request.principal)
  const ask = (token: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  const sign = ({ header, claims }: DocumentedToken, changes: Members = {}) =>
    signToken(key, { ...claims, ...changes }, { typ: undefined, ...header })
  return { ask, sign }
}

for (const { name, documented } of fixtures) {
  t.test(`${name}: issuer, audience and profile are enough, and nothing but its access tokens passes`, async t => {
    t.match(documented, { madeFrom: /documentation/, sources: [/^https:/] })
    const { ask, sign } = await openService(t, documented)
    t.equal((await ask(sign(documented.idToken))).statusCode, 401, 'an ID token')
    const { accessToken, opaqueAccessToken, principal = {} } = documented
    if (opaqueAccessToken !== undefined) t.equal((await ask(opaqueAccessToken)).statusCode, 401, 'opaque')
    if (accessToken === undefined) return
    const answer = await ask(sign(accessToken))
    t.equal(answer.statusCode, 200)
    t.match(answer.json(), { issuer: documented.metadata.issuer, ...principal })
    for (const [title, changes] of Object.entries<Members>({
      'another audience': { aud: 'somebody-else', client_id: 'somebody-else' },
      'no client': { azp: undefined, appid: undefined, cid: undefined, client_id: undefined },
      'another issuer': { iss: `${documented.metadata.issuer}/` },
      expired: { exp: NOW - 60 }
    })) {
      t.equal((await ask(sign(accessToken, changes))).statusCode, 401, title)
    }
    t.equal((await ask(sign({ ...accessToken, header: { typ: 'dpop+jwt' } }))).statusCode, 401, 'another typ')
  })

  t.test(`${name}: a client finds its endpoints, wherever they are`, async t => {
    const { metadata, metadataUri } = documented
    // Only the verifier can be told where the metadata is.
    if (metadataUri !== undefined) return
    const dispatcher = serveIssuer(t, documented)
    t.match(await discoverMetadata({ issuer: metadata.issuer, dispatcher }), {
      tokenEndpoint: metadata.token_endpoint,
      clientAuthenticationMethods: metadata.token_endpoint_auth_methods_supported
    })
  })
}

t.test('entra: the metadata of all tenants at once is nobody’s, and keys of other tenants do not count', async t => {
  const entra = documentedIssuer('entra')
  const { issuer } = entra.metadata
  const template = 'https://login.microsoftonline.com/{tenantid}/v2.0'
  const dispatcher = serveIssuer(t, entra, { issuer: template })
  const app = Fastify()
  app.decorateRequest('principal', null)
  await app.register(authentication, { issuer, audience: entra.audience, profile: 'entra', dispatcher })
  await t.rejects(async () => await app.ready(), { code: 'SALLYPORT_AUTHENTICATION_ISSUER_METADATA_INVALID' })

  for (const [of, status] of [
    [template, 200],
    [issuer, 200],
    ['https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0', 401],
    ['https://login.microsoftonline.com/{tenantid}/', 401],
    ['{tenantid}', 401],
    [7, 401]
  ] as const) {
    const { ask, sign } = await openService(t, { ...entra, jwk: { ...entra.jwk, issuer: of } })
    t.equal((await ask(sign(entra.accessToken ?? entra.idToken))).statusCode, status, String(of))
  }
  const { ask, sign } = await openService(t, entra)
  const token = entra.accessToken ?? entra.idToken
  t.equal((await ask(sign(token, { ver: '1.0' }))).statusCode, 401, 'a token of the other version')
  t.equal((await ask(sign(token, { nonce: 'n' }))).statusCode, 401, 'only ID tokens have a nonce')
})

t.test('V07: cognito has no audience but the app client, and a token with an audience is held to that too', async t => {
  const cognito = documentedIssuer('cognito')
  const { ask, sign } = await openService(t, cognito)
  const token = cognito.accessToken ?? cognito.idToken
  t.equal((await ask(sign(token, { aud: 'https://orders.example' }))).statusCode, 401, 'bound to another resource')
  t.equal((await ask(sign(token, { aud: cognito.audience }))).statusCode, 200)
  t.equal((await ask(sign(token, { client_id: 'another-app-client' }))).statusCode, 401)
  t.equal((await ask(sign(token, { token_use: 'id' }))).statusCode, 401)
})

t.test('okta: access tokens come without typ, or with Okta’s own', async t => {
  const okta = documentedIssuer('okta')
  const { ask, sign } = await openService(t, okta)
  const { claims } = okta.accessToken ?? okta.idToken
  for (const [typ, status] of [
    [undefined, 200],
    ['application/okta-internal-at+jwt', 200],
    ['JWT', 401]
  ] as const) {
    t.equal((await ask(sign({ header: { typ }, claims }))).statusCode, status, String(typ))
  }
})

t.test('every issuer of the documentation has a page, and every page says what is made up', async t => {
  const pages = new URL('../../../../docs/issuers/', import.meta.url)
  for (const { name } of fixtures) {
    const page = readFileSync(new URL(`${name.replace('-v1', '')}.md`, pages), 'utf8')
    t.match(page, `fixtures/${name}.json`)
    t.match(page, /from documentation/)
  }
})
