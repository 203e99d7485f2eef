import { createHash } from 'node:crypto'
import type { KeySource } from '@sallyport/security-context'
import { isSameText, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { LoginRefusedError } from '../errors.ts'
import { isShortText, readIssuerToken } from './read-issuer-token.ts'

/** What an id_token is held against. */
export interface IdTokenExpectations {
  readonly issuer: string
  readonly clientId: string
  /** Of the authorization request. */
  readonly nonce: string
  /** The access token that came with it. */
  readonly accessToken: string
  /** Asked for; `null`: nothing was. */
  readonly maxAgeSeconds: number | null
  /** Asked for; empty: nothing was. */
  readonly acrValues: readonly string[]
  readonly algorithms: readonly string[]
  readonly nowSeconds: number
  readonly clockToleranceSeconds: number
}

/** What a valid id_token says of a login. */
export interface ValidatedLogin {
  readonly subject: string
  /** Whether `at_hash` binds the access token to it. */
  readonly bindsAccessToken: boolean
  readonly authenticatedAtSeconds: number | null
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly username: string | null
  /** `sid`: the session at the issuer. @see OpenID Connect Back-Channel Logout 1.0 §2.1 */
  readonly sessionId: string | null
}

/** A JWT of another kind, such as an access token or a logout token, names its kind. @see RFC 8725 §3.11 */
const ID_TOKEN_TYPES: readonly unknown[] = [undefined, 'jwt']

/**
 * Validates an id_token of an authorization code. The signature counts although the token came straight from the
 * issuer. There is one audience: a token that names others too is refused, because nobody here can say whether they
 * are to be trusted.
 * @throws {LoginRefusedError} `SALLYPORT_AUTHENTICATION_LOGIN_REFUSED` with the reason, and what `keys` throws (503)
 * @see OpenID Connect Core 1.0 §3.1.3.7
 */
export async function verifyIdToken(
  token: string,
  keys: Pick<KeySource, 'find'>,
  expected: IdTokenExpectations
): Promise<ValidatedLogin> {
  const signed = await readIssuerToken(token, keys, { types: ID_TOKEN_TYPES, algorithms: expected.algorithms })
  if (typeof signed === 'string') throw new LoginRefusedError(`id-token-${signed}`)
  const { claims, algorithm } = signed
  if (ownMember(claims, 'iss') !== expected.issuer) throw new LoginRefusedError('id-token-issuer')
  refuseOtherAudiences(claims, expected.clientId)
  refuseOtherTimes(claims, expected)
  const nonce = ownMember(claims, 'nonce')
  if (typeof nonce !== 'string' || !isSameText(nonce, expected.nonce)) throw new LoginRefusedError('id-token-nonce')
  const subject = textClaim(claims, 'sub')
  if (subject === null) throw new LoginRefusedError('id-token-subject')
  return {
    subject,
    bindsAccessToken: bindsAccessToken(algorithm, claims, expected.accessToken),
    authenticatedAtSeconds: sufficientAuthTime(claims, expected),
    acr: sufficientAcr(claims, expected.acrValues),
    amr: textListClaim(claims, 'amr'),
    username: textClaim(claims, 'preferred_username'),
    sessionId: textClaim(claims, 'sid')
  }
}

function refuseOtherAudiences(claims: JsonObject, clientId: string): void {
  const audience = ownMember(claims, 'aud')
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (audiences.length !== 1 || audiences[0] !== clientId) throw new LoginRefusedError('id-token-audience')
  const party = ownMember(claims, 'azp')
  if (party !== undefined && party !== clientId) throw new LoginRefusedError('id-token-authorized-party')
}

function refuseOtherTimes(
  claims: JsonObject,
  { nowSeconds, clockToleranceSeconds }: Pick<IdTokenExpectations, 'nowSeconds' | 'clockToleranceSeconds'>
): void {
  const [expires, issued] = [timeClaim(claims, 'exp'), timeClaim(claims, 'iat')]
  if (expires === null || issued === null) throw new LoginRefusedError('id-token-times')
  if (nowSeconds >= expires + clockToleranceSeconds) throw new LoginRefusedError('id-token-expired')
  const starts = Math.max(issued, timeClaim(claims, 'nbf') ?? issued)
  if (starts > nowSeconds + clockToleranceSeconds) throw new LoginRefusedError('id-token-not-yet-valid')
}

/**
 * The hash is that of the algorithm of the signature; Ed25519 has SHA-512 in it.
 * @see OpenID Connect Core 1.0 §3.1.3.8, RFC 8032 §5.1
 */
function bindsAccessToken(algorithm: string, claims: JsonObject, accessToken: string): boolean {
  const hash = ownMember(claims, 'at_hash')
  if (hash === undefined) return false
  const digest = createHash(algorithm === 'EdDSA' ? 'sha512' : `sha${algorithm.slice(2)}`)
    .update(accessToken, 'ascii')
    .digest()
  const expected = digest.subarray(0, digest.length / 2).toString('base64url')
  if (typeof hash !== 'string' || !isSameText(hash, expected)) throw new LoginRefusedError('id-token-access-token')
  return true
}

/** @see OpenID Connect Core 1.0 §3.1.3.7 (13) */
function sufficientAuthTime(
  claims: JsonObject,
  { maxAgeSeconds, nowSeconds, clockToleranceSeconds }: IdTokenExpectations
): number | null {
  const authTime = timeClaim(claims, 'auth_time')
  if (maxAgeSeconds === null) return authTime
  const isRecent = authTime !== null && nowSeconds - authTime <= maxAgeSeconds + clockToleranceSeconds
  if (!isRecent || authTime > nowSeconds + clockToleranceSeconds) throw new LoginRefusedError('id-token-auth-time')
  return authTime
}

/** Without this check a route that asks for more would send the browser around in circles. */
function sufficientAcr(claims: JsonObject, acrValues: readonly string[]): string | null {
  const acr = textClaim(claims, 'acr')
  if (acrValues.length === 0) return acr
  if (acr === null || !acrValues.includes(acr)) throw new LoginRefusedError('id-token-acr')
  return acr
}

function timeClaim(claims: JsonObject, name: string): number | null {
  const value = ownMember(claims, name)
  if (value === undefined) return null
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new LoginRefusedError('id-token-times')
  return value
}

/** A short text without control characters; `null` for anything else. */
function textClaim(claims: JsonObject, name: string): string | null {
  const value = ownMember(claims, name)
  return isShortText(value) ? value : null
}

function textListClaim(claims: JsonObject, name: string): string[] {
  const value = ownMember(claims, name)
  return Array.isArray(value) && value.length <= 10 ? value.filter(each => isShortText(each)) : []
}
