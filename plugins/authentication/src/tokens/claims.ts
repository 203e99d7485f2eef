import { freezeJson, isJsonObject, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { LONGEST_ACTOR_CHAIN, type Actor, type Principal, type StatusReference } from '@sallyport/security-context'
import { InvalidTokenError } from '../errors.ts'
import { boundedIdentity, type IssuerTrust } from './issuer-trust.ts'
import { claimAt, type ResolvedProfile } from './profiles.ts'
import { UNWATCHED, type CheckPassed } from './token-checks.ts'

/** What the claims of an acceptable token must say. */
export type Expectations = Pick<IssuerTrust, 'issuer' | 'audience' | 'profile' | 'clockToleranceSeconds' | 'bounds'>

const MAX_IDENTIFIER_LENGTH = 512

/**
 * Checks the claims of a token whose signature has been verified, and says who it stands for. Whether the sender holds
 * the keys of `cnf` is for each request to show: see `requireConfirmed`.
 * @param claims the payload; frozen by this call
 * @param nowSeconds the time, in seconds since 1970
 * @throws {InvalidTokenError} with the first reason found
 * @see RFC 9068 §4, RFC 7519 §4.1
 */
export function principalOf(
  claims: JsonObject,
  expected: Expectations,
  nowSeconds: number,
  passed: CheckPassed = UNWATCHED
): Principal {
  const { profile } = expected
  if (ownMember(claims, 'iss') !== expected.issuer) throw new InvalidTokenError('issuer-mismatch')
  passed('issuer')
  if (!isForAudience(claims, expected)) throw new InvalidTokenError('audience-mismatch')
  passed('audience')
  const { issuedAtSeconds, expiresAtSeconds } = checkTokenTimes(claims, nowSeconds, expected.clockToleranceSeconds)
  passed('times')
  profile.refuseForeignKinds(claims)
  passed('kind')
  const principal: Principal = Object.freeze({
    issuer: expected.issuer,
    subject: requireClaim(identifier(ownMember(claims, 'sub'))),
    clientId: unlessOptional(identifier(claimAt(claims, profile.clientId)), profile.optional.has('clientId')),
    ...boundedIdentity(rolesOf(claims, profile), expected.bounds),
    scopes: Object.freeze(scopesOfClaim(claimAt(claims, profile.scope), profile.scopeFormat)),
    audience: expected.audience,
    sessionId: identifier(claimAt(claims, profile.sessionId)),
    tokenId: unlessOptional(identifier(claimAt(claims, profile.tokenId)), profile.optional.has('tokenId')),
    actor: actorOfClaim(ownMember(claims, 'act')),
    issuedAtSeconds,
    expiresAtSeconds,
    claims: freezeJson(claims)
  })
  passed('claims')
  return principal
}

/**
 * Whether a token is for this service. An issuer without `aud` in its access tokens has the audience in another claim,
 * which its profile names; a token of it that does have `aud` is held to that too.
 */
function isForAudience(claims: JsonObject, { profile, audience }: Expectations): boolean {
  const aud = ownMember(claims, 'aud')
  if (profile.audience === null) return hasAudience(aud, audience)
  return hasAudience(claimAt(claims, profile.audience), audience) && (aud === undefined || hasAudience(aud, audience))
}

/**
 * Whether `aud`, a string or an array of strings, contains exactly this audience.
 * @see RFC 7519 §4.1.3
 */
export function hasAudience(aud: unknown, audience: string): boolean {
  if (typeof aud === 'string') return aud === audience
  return Array.isArray(aud) && aud.every(each => typeof each === 'string') && aud.includes(audience)
}

/**
 * `exp` and `iat` must be there, `nbf` may; all are numbers.
 * @returns `iat` and `exp`
 */
export function checkTokenTimes(
  claims: JsonObject,
  nowSeconds: number,
  toleranceSeconds: number
): { issuedAtSeconds: number; expiresAtSeconds: number } {
  const expiresAtSeconds = requireClaim(numericDate(ownMember(claims, 'exp')))
  const issuedAtSeconds = requireClaim(numericDate(ownMember(claims, 'iat')))
  const notBeforeSeconds = numericDate(ownMember(claims, 'nbf')) ?? issuedAtSeconds
  if (nowSeconds >= expiresAtSeconds + toleranceSeconds) throw new InvalidTokenError('token-expired')
  if (Math.max(issuedAtSeconds, notBeforeSeconds) > nowSeconds + toleranceSeconds) {
    throw new InvalidTokenError('token-not-yet-valid')
  }
  return { issuedAtSeconds, expiresAtSeconds }
}

/**
 * Where the token's revocation bit stands, `null` when it names no status list. A malformed reference is refused:
 * ignoring it would make the token irrevocable.
 * @see draft-ietf-oauth-status-list §6
 */
export function statusReferenceOf(claims: JsonObject): StatusReference | null {
  const status = ownMember(claims, 'status')
  if (status === undefined) return null
  const reference = isJsonObject(status) ? ownMember(status, 'status_list') : undefined
  if (!isJsonObject(reference)) throw new InvalidTokenError('claim-invalid')
  const index = ownMember(reference, 'idx')
  const uri = ownMember(reference, 'uri')
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0 || typeof uri !== 'string') {
    throw new InvalidTokenError('claim-invalid')
  }
  return { uri, index }
}

/**
 * A claim that identifies somebody or something, `null` when absent: a well-formed string without control characters,
 * which breaks neither a log line nor a database that refuses NUL.
 */
export function identifier(value: unknown): string | null {
  if (value === undefined) return null
  const isIdentifier =
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_IDENTIFIER_LENGTH &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  if (!isIdentifier) throw new InvalidTokenError('claim-invalid')
  return value
}

/** A NumericDate, `null` when absent. @see RFC 7519 §2 */
export function numericDate(value: unknown): number | null {
  if (value === undefined) return null
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new InvalidTokenError('claim-invalid')
  return value
}

function requireClaim<T>(value: T | null): T {
  if (value === null) throw new InvalidTokenError('claim-missing')
  return value
}

function unlessOptional<T>(value: T | null, optional: boolean): T | null {
  return optional ? value : requireClaim(value)
}

function rolesOf(claims: JsonObject, profile: ResolvedProfile): string[] {
  const roles = profile.roles.flatMap(path => stringsClaim(claimAt(claims, path)))
  return [...new Set(roles)]
}

/**
 * The scopes of a scope claim; another type is refused, so that it cannot grant by accident. @see RFC 9068 §2.2.3, RFC
 * 6749 §3.3
 */
export function scopesOfClaim(value: unknown, format: ResolvedProfile['scopeFormat']): string[] {
  if (value === undefined) return []
  if (format === 'array') return stringsClaim(value)
  if (typeof value !== 'string') throw new InvalidTokenError('claim-invalid')
  return value.split(' ').filter(scope => scope !== '')
}

/** An array of strings, empty when absent. */
export function stringsClaim(value: unknown): string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every(each => typeof each === 'string')) {
    throw new InvalidTokenError('claim-invalid')
  }
  return value
}

/** The chain of parties that act for the subject, newest first. @see RFC 8693 §4.1 */
export function actorOfClaim(value: unknown, linksLeft = LONGEST_ACTOR_CHAIN): Actor | null {
  if (value === undefined) return null
  if (!isJsonObject(value) || linksLeft === 0) throw new InvalidTokenError('claim-invalid')
  return Object.freeze({
    subject: requireClaim(identifier(ownMember(value, 'sub'))),
    actor: actorOfClaim(ownMember(value, 'act'), linksLeft - 1)
  })
}
