import {
  defined,
  isJsonObject,
  parseJsonObject,
  readBody,
  type JsonObject
} from '@sallyport/security-context/mechanics'
import { request } from 'undici'
import { endpointMistake } from './endpoint-url.ts'
import { InvalidMetadataError, TokenUnavailableError } from './errors.ts'
import type { AuthorizationServerMetadata } from './server-metadata.ts'
import { readDiscoveryOptions, type DiscoveryOptions } from './options.ts'

const MAX_METADATA_BYTES = 256 * 1024

/**
 * Fetches the metadata of an authorization server: the RFC 8414 document, and where that does not exist (404) the
 * OpenID Connect one. The document must name the same issuer, and its endpoints must be on the issuer's origin: a
 * document from elsewhere could send our secrets elsewhere.
 * @throws `SALLYPORT_TOKEN_OPTIONS_INVALID`; `SALLYPORT_TOKEN_METADATA_INVALID` listing all mistakes;
 * `SALLYPORT_TOKEN_UNAVAILABLE` when there is no answer
 * @see RFC 8414 §3, §3.3
 */
export async function discoverMetadata(given: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  const options = readDiscoveryOptions(given)
  const { issuer } = options
  const mistake = endpointMistake(issuer) ?? (issuer.includes('?') ? 'has a query' : null)
  if (mistake !== null) throw new InvalidMetadataError(`issuer ${issuer} ${mistake}`)
  for (const location of locationsOf(issuer)) {
    const body = await fetchMetadata(location, options)
    if (body !== null) return parseMetadata(issuer, body)
  }
  throw new TokenUnavailableError({ cause: new Error(`No metadata document found for issuer ${issuer}`) })
}

/**
 * The well-known part goes between host and path for OAuth, after the path for OpenID Connect. @see RFC 8414 §3.1, §5
 */
function locationsOf(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`
  ]
}

async function fetchMetadata(
  location: string,
  { dispatcher, timeoutMs }: ReturnType<typeof readDiscoveryOptions>
): Promise<Buffer | null> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await request(location, {
      headers: { accept: 'application/json' },
      signal,
      ...defined({ dispatcher })
    })
    const body = await readBody(response.body, MAX_METADATA_BYTES, signal)
    if (response.statusCode === 404) return null
    if (response.statusCode !== 200) throw new Error(`${location} answered ${response.statusCode}`)
    return body
  } catch (cause) {
    throw new TokenUnavailableError({ cause })
  }
}

function parseMetadata(issuer: string, body: Buffer): AuthorizationServerMetadata {
  const document = parseJsonObject(body)
  if (document === null) throw new InvalidMetadataError('the document is not a JSON object')
  const mistakes: string[] = []
  if (document.issuer !== issuer) mistakes.push(`it names the issuer ${JSON.stringify(document.issuer)}, not ${issuer}`)
  const endpoint = (name: string): string | null => endpointOf(document, name, issuer, mistakes)
  const tokenEndpoint = endpoint('token_endpoint')
  if (tokenEndpoint === null && document.token_endpoint === undefined) mistakes.push('token_endpoint is missing')
  const metadata: AuthorizationServerMetadata = Object.freeze({
    issuer,
    tokenEndpoint: tokenEndpoint ?? '',
    jwksUri: endpoint('jwks_uri'),
    revocationEndpoint: endpoint('revocation_endpoint'),
    introspectionEndpoint: endpoint('introspection_endpoint'),
    authorizationEndpoint: endpoint('authorization_endpoint'),
    pushedRequestEndpoint: endpoint('pushed_authorization_request_endpoint'),
    endSessionEndpoint: endpoint('end_session_endpoint'),
    answersNameIssuer: document.authorization_response_iss_parameter_supported === true,
    mtlsEndpointAliases: aliasesOf(document.mtls_endpoint_aliases, mistakes)
  })
  if (mistakes.length > 0) throw new InvalidMetadataError(mistakes.join('; '))
  return metadata
}

function endpointOf(document: JsonObject, name: string, issuer: string, mistakes: string[]): string | null {
  const value = document[name]
  if (value === undefined) return null
  const mistake = typeof value === 'string' ? endpointMistake(value) : 'is not a string'
  if (mistake !== null) mistakes.push(`${name} ${mistake}`)
  else if (typeof value === 'string' && new URL(value).origin === new URL(issuer).origin) return value
  else mistakes.push(`${name} is not on the issuer's origin`)
  return null
}

function aliasesOf(value: unknown, mistakes: string[]): Readonly<Record<string, string>> {
  const aliases: Record<string, string> = {}
  if (!isJsonObject(value)) return aliases
  for (const [name, url] of Object.entries(value)) {
    const mistake = typeof url === 'string' ? endpointMistake(url) : 'is not a string'
    if (mistake === null && typeof url === 'string') aliases[name] = url
    else mistakes.push(`mtls_endpoint_aliases.${name} ${mistake}`)
  }
  return Object.freeze(aliases)
}
