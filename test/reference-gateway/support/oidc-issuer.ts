// npm oidc-provider as issuer: JWT access tokens for a resource, by client credentials.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A running issuer. */
export interface OidcIssuer {
  readonly issuer: string
  /** An access token of a client with these scopes, for a resource. */
  readonly token: (scope: string, resource?: string) => Promise<string>
}

export const RESOURCE = 'https://api.shop.example'
const OTHER_RESOURCE = 'https://other.shop.example'
const SCOPES = 'orders:read orders:write'
const CLIENT = { client_id: 'shop', client_secret: 'shop-secret-shop-secret-shop-secret' }

/** Starts an issuer that knows one client and two resources. */
export async function startOidcIssuer(t: Test): Promise<OidcIssuer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // @ts-expect-error the package ships no types
  const { default: Provider } = (await import('oidc-provider')) as {
    default: new (issuer: string, configuration: object) => { callback: () => RequestListener }
  }
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...jwk, kid: 'one', use: 'sig', alg: 'ES256' }] },
    clients: [
      {
        ...CLIENT,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256'
      }
    ],
    scopes: SCOPES.split(' '),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          audience: resource,
          scope: SCOPES,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    }
  })
  server.on('request', provider.callback())
  return {
    issuer,
    token: async (scope, resource = RESOURCE) => {
      const answer = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({ ...CLIENT, grant_type: 'client_credentials', scope, resource })
      })
      const body: unknown = await answer.json()
      if (typeof body === 'object' && body !== null && 'access_token' in body) return String(body.access_token)
      throw new Error(`no token: ${JSON.stringify(body)}`)
    }
  }
}

export { OTHER_RESOURCE }
