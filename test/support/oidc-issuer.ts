// npm oidc-provider as issuer: JWT access tokens for a resource, by client credentials.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { IssuedCertificate } from '@sallyport/local'
import type { Test } from 'tap'
import { Agent, fetch as undiciFetch, type RequestInit as UndiciRequestInit } from 'undici'
import { answerSignIn, type ShownInteraction } from './oidc-pages.ts'

/** A running issuer. */
export interface OidcIssuer {
  readonly issuer: string
  /** An access token of a client with these scopes, for a resource. */
  readonly token: (scope: string, resource?: string) => Promise<string>
  /** How a person at the issuer logs in next, where a page would be. */
  person: Person
  /** Refresh grants so far. */
  readonly refreshes: () => number
}

/** How browsers meet the issuer. */
export interface OidcIssuerOptions {
  /** For `localhost`; left out: plain HTTP. */
  readonly tls?: IssuedCertificate
  /** Whether people see a sign-in page; they are as `person` says otherwise. */
  readonly pages?: boolean
  /** More features of the package. */
  readonly features?: Readonly<Record<string, unknown>>
}

/** Somebody who is asked nothing: the answer to every page is here. */
export interface Person {
  readonly accountId: string
  readonly acr?: string
  readonly amr?: readonly string[]
  /** Does not want to. */
  readonly cancels?: boolean
  /** How long ago the login was, in seconds. */
  readonly loggedInSecondsAgo?: number
}

/** A client that logs people in, as the package describes one. */
export type LoginClientMetadata = Readonly<Record<string, unknown>>

interface ProviderInstance {
  readonly callback: () => RequestListener
  readonly on: (event: 'grant.success', listener: (context: TokenContext) => void) => void
  readonly interactionDetails: (request: IncomingMessage, response: ServerResponse) => Promise<ShownInteraction>
  readonly interactionFinished: (
    request: IncomingMessage,
    response: ServerResponse,
    result: object,
    options: object
  ) => Promise<void>
  readonly Grant: new (facts: object) => {
    readonly addOIDCScope: (scope: string) => void
    readonly addResourceScope: (resource: string, scope: string) => void
    readonly save: () => Promise<string>
  }
}

interface TokenContext {
  readonly oidc: { readonly params: { readonly grant_type: string } }
}

interface GrantContext {
  readonly oidc: {
    readonly client: { readonly clientId: string }
    readonly session: { readonly accountId: string }
    readonly provider: ProviderInstance
  }
}

/** What `acr` this issuer can give, the weakest first. */
export const ACR_VALUES = ['urn:shop:password', 'urn:shop:two-factors'] as const

export const RESOURCE = 'https://api.shop.example'
const OTHER_RESOURCE = 'https://other.shop.example'
const SCOPES = 'orders:read orders:write'
const CLIENT = { client_id: 'shop', client_secret: 'shop-secret-shop-secret-shop-secret' }

/** Starts an issuer that knows two resources, a client of its own, and those that log people in. */
export async function startOidcIssuer(
  t: Test,
  clients: readonly LoginClientMetadata[] = [],
  { tls, pages = false, features = {} }: OidcIssuerOptions = {}
): Promise<OidcIssuer> {
  const server = tls === undefined ? createServer() : createTlsServer({ cert: tls.certificate, key: tls.privateKey })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const issuer = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
  const dispatcher = new Agent({ connect: { ...(tls !== undefined && { ca: tls.ca }) } })
  t.teardown(() => dispatcher.destroy())
  // @ts-expect-error the package ships no types
  const { default: Provider } = (await import('oidc-provider')) as {
    default: new (issuer: string, configuration: object) => ProviderInstance
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
      },
      ...clients
    ],
    acrValues: [...ACR_VALUES],
    cookies: { keys: ['cookie-key-of-the-issuer'] },
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    // Its own refuses addresses of this machine, and says nothing of it.
    fetch: async (url: string, { signal, method, headers, body }: UndiciRequestInit) =>
      await undiciFetch(url, {
        dispatcher,
        redirect: 'manual',
        ...(signal && { signal }),
        ...(method && { method }),
        ...(headers && { headers }),
        ...(body && { body })
      }),
    findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_context: unknown, { uid }: ShownInteraction) => `/interaction/${uid}` },
    loadExistingGrant,
    scopes: SCOPES.split(' '),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      ...features,
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
  let refreshes = 0
  provider.on('grant.success', ({ oidc }) => {
    if (oidc.params.grant_type === 'refresh_token') refreshes++
  })
  const serve = provider.callback()
  const self: OidcIssuer = {
    refreshes: () => refreshes,
    person: { accountId: 'person-1', acr: ACR_VALUES[0], amr: ['pwd'] },
    issuer,
    token: async (scope, resource = RESOURCE) => {
      const answer = await undiciFetch(`${issuer}/token`, {
        dispatcher,
        method: 'POST',
        body: new URLSearchParams({ ...CLIENT, grant_type: 'client_credentials', scope, resource })
      })
      const body: unknown = await answer.json()
      if (typeof body === 'object' && body !== null && 'access_token' in body) return String(body.access_token)
      throw new Error(`no token: ${JSON.stringify(body)}`)
    }
  }
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) {
      void serve(request, response)
      return
    }
    askPerson(request, response).catch(() => {
      response.destroy()
    })
  })

  async function askPerson(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = pages ? await resultOfPage(request, response) : resultOfPerson(self.person)
    if (result === null) return
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
  }

  async function resultOfPage(request: IncomingMessage, response: ServerResponse): Promise<object | null> {
    const [weakest, strongest] = ACR_VALUES
    const shown = await provider.interactionDetails(request, response)
    const filled = await answerSignIn(request, response, shown, strongest)
    if (filled === undefined) return null
    if (filled === null) return resultOfPerson({ ...self.person, cancels: true })
    const { accountId, usesSecondFactor } = filled
    const amr = usesSecondFactor ? ['pwd', 'otp'] : ['pwd']
    return resultOfPerson({ ...self.person, accountId, acr: usesSecondFactor ? strongest : weakest, amr })
  }

  return self
}

function resultOfPerson({ cancels = false, loggedInSecondsAgo = 0, ...login }: Person): object {
  if (cancels) return { error: 'access_denied', error_description: 'not today' }
  return { login: { ...login, ts: Math.floor(Date.now() / 1000) - loggedInSecondsAgo } }
}

/** Nobody is asked whether a client may: it may everything that it asks for. */
async function loadExistingGrant({ oidc }: GrantContext): Promise<unknown> {
  const { clientId } = oidc.client
  const { accountId } = oidc.session
  const grant = new oidc.provider.Grant({ clientId, accountId })
  grant.addOIDCScope(`openid ${SCOPES}`)
  grant.addResourceScope(RESOURCE, SCOPES)
  await grant.save()
  return grant
}

export { OTHER_RESOURCE }
