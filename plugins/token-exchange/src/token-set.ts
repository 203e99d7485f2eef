import type { LoginTokens, TokenSet } from '@sallyport/security-context'
import { parseJsonObject } from '@sallyport/security-context/mechanics'

/**
 * A token goes into a header and maybe a cookie: nothing but visible ASCII, and not without bound. @see RFC 6749
 * Appendix A.12
 */
const TOKEN = /^[\x21-\x7e]{1,16384}$/
/** A lifetime past this is a unit mistake (milliseconds), not a lifetime. */
const MAX_LIFETIME_SECONDS = 366 * 24 * 3600
const ACCESS_TOKEN_TYPES: readonly unknown[] = [
  'urn:ietf:params:oauth:token-type:access_token',
  'urn:ietf:params:oauth:token-type:jwt'
]

/** What an answer is to a request for. */
export interface ExpectedTokens {
  /** A token exchange, whose answer must name the type of the issued token. */
  readonly exchanged?: boolean
  /** Whether the access token has to be bound to the proven key: one that is not is worth as much to a thief. */
  readonly bound?: boolean
}

/**
 * Reads the body of a successful token answer.
 * @returns the tokens, or what is wrong with the answer
 * @see RFC 6749 §5.1, RFC 8693 §2.2.1, RFC 9449 §5
 */
export function parseTokenSet(
  answer: Uint8Array | string,
  { exchanged = false, bound = false }: ExpectedTokens
): TokenSet | string {
  const body = parseJsonObject(answer)
  if (body === null) return 'the answer is not a JSON object'
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: lifetime, scope } = body
  if (!isToken(accessToken)) return 'access_token is missing or malformed'
  const tokenType = bound ? 'DPoP' : 'Bearer'
  if (typeof body.token_type !== 'string' || body.token_type.toLowerCase() !== tokenType.toLowerCase()) {
    return `token_type is not ${tokenType}`
  }
  if (!isLifetime(lifetime)) return 'expires_in is missing or not a sane number of seconds'
  if (refreshToken !== undefined && !isToken(refreshToken)) return 'refresh_token is malformed'
  if (scope !== undefined && typeof scope !== 'string') return 'scope is not a string'
  if (exchanged && !ACCESS_TOKEN_TYPES.includes(body.issued_token_type)) {
    return 'issued_token_type is not an access token'
  }
  return Object.freeze({
    accessToken,
    refreshToken: refreshToken ?? null,
    expiresInSeconds: lifetime,
    scope: scope ?? null
  })
}

/** A signed JWT in compact form; the caller validates it. */
const ID_TOKEN = /^[A-Za-z0-9_.-]{1,16384}$/

/**
 * Reads the body of a successful answer to an authorization code: the tokens, and an id_token with them.
 * @see OpenID Connect Core 1.0 §3.1.3.3
 */
export function parseLoginTokens(answer: Uint8Array | string, expected: ExpectedTokens): LoginTokens | string {
  const tokens = parseTokenSet(answer, expected)
  if (typeof tokens === 'string') return tokens
  const idToken = parseJsonObject(answer)?.id_token
  if (typeof idToken !== 'string' || !ID_TOKEN.test(idToken)) return 'id_token is missing or malformed'
  return Object.freeze({ ...tokens, idToken })
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}

function isLifetime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= MAX_LIFETIME_SECONDS
}
