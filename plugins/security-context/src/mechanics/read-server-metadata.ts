import { endpointMistake } from './endpoint-url.ts'
import { isJsonObject, ownMember, parseJsonObject, type JsonObject } from './json.ts'
import type { AuthorizationServerMetadata } from './server-metadata.ts'

/** Longer documents are not read. */
export const MAX_METADATA_BYTES = 256 * 1024

/** Members that whoever reads the metadata cannot do without. */
export type RequiredEndpoint = 'token_endpoint' | 'jwks_uri'

/** What a document says, and everything that is wrong with it: with a mistake nothing of it may be used. */
export interface ServerMetadataReading {
  readonly metadata: AuthorizationServerMetadata
  readonly mistakes: readonly string[]
}

/** Why an issuer must not be asked for its metadata, `null` when it may. @see RFC 8414 §2 */
export function issuerMistake(issuer: string): string | null {
  return endpointMistake(issuer) ?? (issuer.includes('?') ? 'has a query' : null)
}

/**
 * Where the metadata of an issuer is: the well-known part goes between host and path for OAuth, after the path for
 * OpenID Connect.
 * @see RFC 8414 §3.1, §5
 */
export function metadataLocations(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`
  ]
}

/**
 * Whether an answer says that there is no document at this location. Hosted issuers answer other paths than their own
 * with many a 4xx; only "later" is none.
 */
export function isWithoutMetadata(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}

/**
 * Reads a metadata document. It has to name the very issuer that it was asked of. Its endpoints are on the issuer's
 * origin; or anywhere, by https, when the issuer is an https URL: then the issuer itself, proven by its certificate,
 * says so.
 * @param issuer compared as an exact string
 * @see RFC 8414 §3.3
 */
export function readServerMetadata(
  issuer: string,
  body: Uint8Array,
  required: readonly RequiredEndpoint[]
): ServerMetadataReading {
  const document = parseJsonObject(body)
  const mistakes: string[] = []
  if (document === null) mistakes.push('the document is not a JSON object')
  const known: JsonObject = document ?? {}
  const named = ownMember(known, 'issuer')
  if (document !== null && named !== issuer) {
    mistakes.push(`it names the issuer ${JSON.stringify(named)}, not ${issuer}`)
  }
  const endpoint = (name: string): string | null => endpointOf(known, name, issuer, mistakes)
  for (const name of required) {
    if (document !== null && ownMember(known, name) === undefined) mistakes.push(`${name} is missing`)
  }
  const algorithms = namesIn(known, 'token_endpoint_auth_signing_alg_values_supported')
  const dpopAlgorithms = namesIn(known, 'dpop_signing_alg_values_supported')
  const metadata = Object.freeze({
    issuer,
    tokenEndpoint: endpoint('token_endpoint') ?? '',
    jwksUri: endpoint('jwks_uri'),
    revocationEndpoint: endpoint('revocation_endpoint'),
    introspectionEndpoint: endpoint('introspection_endpoint'),
    authorizationEndpoint: endpoint('authorization_endpoint'),
    pushedRequestEndpoint: endpoint('pushed_authorization_request_endpoint'),
    endSessionEndpoint: endpoint('end_session_endpoint'),
    statusListsEndpoint: endpoint('status_list_aggregation_endpoint'),
    answersNameIssuer: ownMember(known, 'authorization_response_iss_parameter_supported') === true,
    clientAuthenticationMethods: namesIn(known, 'token_endpoint_auth_methods_supported') ?? ['client_secret_basic'],
    ...(algorithms === null ? {} : { clientAssertionAlgorithms: algorithms }),
    ...(dpopAlgorithms === null ? {} : { dpopAlgorithms }),
    mtlsEndpointAliases: aliasesOf(ownMember(known, 'mtls_endpoint_aliases'), mistakes)
  })
  return { metadata, mistakes }
}

function endpointOf(document: JsonObject, name: string, issuer: string, mistakes: string[]): string | null {
  const value = ownMember(document, name)
  if (value === undefined) return null
  const mistake = typeof value === 'string' ? endpointMistake(value) : 'is not a string'
  if (mistake !== null) mistakes.push(`${name} ${mistake}`)
  else if (typeof value === 'string' && maySendTo(issuer, value)) return value
  else mistakes.push(`${name} is not on the issuer's origin`)
  return null
}

/** Over plain http anybody on the way could have written the document: it must not lead elsewhere. */
function maySendTo(issuer: string, endpoint: string): boolean {
  const from = new URL(issuer)
  const to = new URL(endpoint)
  return to.origin === from.origin || (from.protocol === 'https:' && to.protocol === 'https:')
}

function namesIn(document: JsonObject, name: string): readonly string[] | null {
  const value = ownMember(document, name)
  return Array.isArray(value) ? Object.freeze(value.filter(each => typeof each === 'string')) : null
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
