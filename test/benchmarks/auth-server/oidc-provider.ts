// The peer: npm oidc-provider with its memory adapter, the same algorithm, token format and client authentication.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { MeasuredServer } from '../support/types.ts'
import { CHAINS, form, INTROSPECTIONS } from './requests.ts'

const CLIENT = { id: 'bench', secret: 'bench-secret-bench-secret-bench-secret' }
const RESOURCE = 'urn:bench:api'

export default async function startOidcProvider(): Promise<MeasuredServer> {
  // @ts-expect-error the package ships no types
  const { default: Provider } = (await import('oidc-provider')) as {
    default: new (issuer: string, configuration: object) => OidcProvider
  }
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const provider = new Provider('http://localhost', {
    jwks: { keys: [{ ...jwk, kid: 'bench', use: 'sig', alg: 'ES256' }] },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
        redirect_uris: ['http://localhost/cb'],
        id_token_signed_response_alg: 'ES256'
      }
    ],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'read',
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    },
    findAccount: (_ctx: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: 300, ClientCredentials: 300, RefreshToken: 86_400, Grant: 86_400 }
  })
  const server = createServer(provider.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const refreshTokens = await Promise.all(Array.from({ length: CHAINS }, () => newRefreshToken(provider)))
  const opaque = await Promise.all(Array.from({ length: INTROSPECTIONS }, () => newAccessToken(provider)))
  return {
    origin,
    requests: {
      'client credentials': [form('/token', CLIENT, { grant_type: 'client_credentials', scope: 'read' })],
      introspection: opaque.map(token => ({
        ...form('/token/introspection', CLIENT, { token }),
        expect: '"active":true'
      })),
      refresh: refreshTokens.map(refreshToken => ({
        ...form('/token', CLIENT, { grant_type: 'refresh_token', refresh_token: refreshToken }),
        chained: true
      }))
    },
    close: async () => {
      server.close()
    }
  }
}

interface Model {
  save: (ttl?: number) => Promise<string>
}
interface OidcProvider {
  callback: () => Parameters<typeof createServer>[1]
  Client: { find: (id: string) => Promise<object> }
  Grant: new (
    properties: object
  ) => Model & { addOIDCScope: (scope: string) => void; addResourceScope: (resource: string, scope: string) => void }
  RefreshToken: new (properties: object) => Model
  AccessToken: new (properties: object) => Model
}

async function newGrant(provider: OidcProvider): Promise<string> {
  const grant = new provider.Grant({ accountId: 'user', clientId: CLIENT.id })
  grant.addOIDCScope('openid offline_access')
  grant.addResourceScope(RESOURCE, 'read')
  return await grant.save()
}

async function newRefreshToken(provider: OidcProvider): Promise<string> {
  const client = await provider.Client.find(CLIENT.id)
  return await new provider.RefreshToken({
    client,
    accountId: 'user',
    grantId: await newGrant(provider),
    gty: 'authorization_code',
    scope: 'openid offline_access read',
    resource: RESOURCE,
    iiat: Math.floor(Date.now() / 1000),
    rotations: 0
  }).save()
}

async function newAccessToken(provider: OidcProvider): Promise<string> {
  const client = await provider.Client.find(CLIENT.id)
  return await new provider.AccessToken({
    client,
    accountId: 'user',
    grantId: await newGrant(provider),
    gty: 'authorization_code',
    scope: 'openid'
  }).save()
}
