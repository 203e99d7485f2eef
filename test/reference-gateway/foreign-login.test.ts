// Logins of the gateway at npm oidc-provider, by a secret and by a key.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createJwksKeySource, verifyDpopProof } from '@sallyport/authentication'
import type { GatewaySettings } from '@sallyport/reference-gateway'
import {
  createLoginClient,
  createTokenClient,
  discoverMetadata,
  type TokenClientOptions
} from '@sallyport/token-exchange'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { oneRoute, startEdge, type Edge } from '../support/edge.ts'
import { freePort } from '../support/free-port.ts'
import { fetchingBrowser } from './support/fetching-browser.ts'
import { ACR_VALUES, RESOURCE, startOidcIssuer } from '../support/oidc-issuer.ts'

const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const SECRET = 'web-secret-web-secret-web-secret-web'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const WAYS = {
  client_secret_basic: {
    registered: { client_secret: SECRET },
    own: { clientSecret: SECRET }
  },
  private_key_jwt: {
    registered: {
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'web-1', alg: 'ES256', use: 'sig' }] }
    },
    own: { clientKey: { keyId: 'web-1', algorithm: 'ES256', privateKey } }
  }
} as const

async function startShop(
  t: Test,
  way: keyof typeof WAYS,
  settings: Partial<GatewaySettings> = {},
  features: Readonly<Record<string, unknown>> = {}
) {
  const url = `http://127.0.0.1:${await freePort()}`
  const { registered, own } = WAYS[way]
  const registration = {
    client_id: 'web',
    ...registered,
    token_endpoint_auth_method: way,
    redirect_uris: [`${url}/login/callback`],
    post_logout_redirect_uris: [`${url}/logout/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256'
  }
  const provider = await startOidcIssuer(t, [registration], { features })
  const { issuer } = provider
  const keys = createJwksKeySource({ jwksUri: `${issuer}/jwks` })
  t.teardown(() => keys.close())
  const client: TokenClientOptions = {
    metadata: async () => await discoverMetadata({ issuer }),
    clientId: 'web',
    ...own
  }
  const edge = await startEdge(t, {
    settings: {
      issuer,
      audience: RESOURCE,
      loginScopes: ['openid', 'orders:read'],
      publicOrigins: [url],
      allowedHosts: [],
      ...settings
    },
    table: oneRoute({ forward: 'token' }),
    collaborators: { keys, tokenClient: createTokenClient(client), loginClient: createLoginClient(client) }
  })
  return { provider, edge, url, atEdge: edgeBrowser(edge, url) }
}

/** A browser at the edge, which listens elsewhere than browsers know it by, as behind a proxy. */
function edgeBrowser(edge: Edge, url: string) {
  const atIssuer = fetchingBrowser()
  const cookies = new Map<string, string>()
  async function get(path: string) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const host = { host: new URL(url).host }
    const headers = { ...host, ...NAVIGATION, ...(cookie !== '' && { cookie }) }
    const answer = await edge.app.inject({ url: path, headers })
    for (const { name, value, maxAge } of answer.cookies) {
      maxAge === 0 ? cookies.delete(name) : cookies.set(name, value)
    }
    return answer
  }
  async function logIn(path: string) {
    const begun = await get(path)
    const end = await atIssuer.follow(String(begun.headers.location), at => at.startsWith(url))
    return await get(end.slice(url.length))
  }
  return { get, logIn }
}

for (const way of ['client_secret_basic', 'private_key_jwt'] as const) {
  t.test(`a person logs in at oidc-provider, the client by ${way}`, async t => {
    const { provider, edge, atEdge } = await startShop(t, way)
    const { get, logIn } = atEdge
    const asked = await get('/orders/1')
    t.equal(asked.headers.location, '/login?returnTo=%2Forders%2F1')
    const ended = await logIn(String(asked.headers.location))
    t.equal(ended.headers.location, '/orders/1', ended.body)
    t.equal((await get('/orders/1')).statusCode, 200)
    t.match(edge.orders.received.at(-1)?.headers.authorization, /^Bearer /)

    provider.person = { accountId: 'person-1', acr: ACR_VALUES[1], amr: ['pwd', 'otp'] }
    const stronger = await logIn(
      `/login?${new URLSearchParams({ acr_values: ACR_VALUES[1], prompt: 'login' }).toString()}`
    )
    t.equal(stronger.statusCode, 303, stronger.body)
    provider.person = { accountId: 'person-1', acr: ACR_VALUES[0], amr: ['pwd'] }
    const weaker = await logIn(
      `/login?${new URLSearchParams({ acr_values: ACR_VALUES[1], prompt: 'login' }).toString()}`
    )
    t.equal(weaker.statusCode, 400)
    t.match(weaker.body, 'needs a stronger or a more recent login')

    provider.person = { accountId: 'person-1', cancels: true }
    const cancelled = await logIn('/login?prompt=login&returnTo=/orders/2')
    t.equal(cancelled.statusCode, 400)
    t.match(cancelled.body, 'The login was cancelled or refused.')
    t.match(cancelled.body, 'href="/login?returnTo=%2Forders%2F2"')
    t.equal((await get('/orders/1')).statusCode, 200, 'the session from before goes on')
  })
}

t.test('S-19: at oidc-provider, with nonces, each request of a session goes on with the proof of its key', async t => {
  const nonces = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true }
  const { edge, url, atEdge } = await startShop(t, 'private_key_jwt', { loginDpop: true }, { dPoP: nonces })
  t.equal((await atEdge.logIn('/login?returnTo=/orders/1')).statusCode, 303)
  t.equal((await atEdge.get('/orders/1?page=2')).statusCode, 200)
  const headers = edge.orders.received.at(-1)?.headers
  const [scheme, token = ''] = String(headers?.authorization).split(' ')
  t.equal(scheme, 'DPoP')
  const { cnf } = decodeJwt<{ cnf?: { jkt?: string } }>(token)
  const request = { method: 'GET', url: `${edge.orders.origin}/orders/1`, nowSeconds: Date.now() / 1000 }
  const proof = verifyDpopProof(headers?.dpop, { ...request, accessToken: token })
  t.match(proof, { kind: 'valid', proof: { thumbprint: cnf?.jkt ?? 'none' } })
  for (const authorization of [`Bearer ${token}`, `DPoP ${token}`]) {
    const stolen = await edge.app.inject({ url: '/orders/1', headers: { host: new URL(url).host, authorization } })
    t.equal(stolen.statusCode, 401, authorization.slice(0, 6))
  }
})
