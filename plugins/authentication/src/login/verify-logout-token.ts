import type { KeySource } from '@sallyport/security-context'
import { isJsonObject, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { LogoutTokenRefusedError } from '../errors.ts'
import { isShortText, readIssuerToken } from './read-issuer-token.ts'

/** What a logout token is held against. */
export interface LogoutTokenExpectations {
  readonly issuer: string
  readonly clientId: string
  readonly algorithms: readonly string[]
  readonly nowSeconds: number
  readonly clockToleranceSeconds: number
}

/** What a valid logout token says: which sessions end. One of the two is there. */
export interface ValidatedLogout {
  readonly subject: string | null
  readonly sessionId: string | null
  /** Counts once, until then. */
  readonly tokenId: string
  readonly usableUntilSeconds: number
}

/** A token made longer ago is refused, whatever its expiry: nobody has to remember it. */
const LONGEST_AGE_SECONDS = 300
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const LOGOUT_TOKEN_TYPES: readonly unknown[] = ['logout+jwt', 'application/logout+jwt']

/**
 * Validates a logout token; whether it was used before is left to the caller. It has one audience, and every member has
 * to be what the specification says, so that no other token of the issuer passes for it.
 * @throws {LogoutTokenRefusedError} `SALLYPORT_AUTHENTICATION_LOGOUT_TOKEN_INVALID` with the reason, and what `keys`
 * throws (503)
 * @see OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6
 */
export async function verifyLogoutToken(
  token: string,
  keys: Pick<KeySource, 'find'>,
  expected: LogoutTokenExpectations
): Promise<ValidatedLogout> {
  const signed = await readIssuerToken(token, keys, { types: LOGOUT_TOKEN_TYPES, algorithms: expected.algorithms })
  if (typeof signed === 'string') throw new LogoutTokenRefusedError(`logout-token-${signed}`)
  const { claims } = signed
  if (ownMember(claims, 'iss') !== expected.issuer) throw new LogoutTokenRefusedError('logout-token-issuer')
  const audience = ownMember(claims, 'aud')
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (audiences.length !== 1 || audiences[0] !== expected.clientId) {
    throw new LogoutTokenRefusedError('logout-token-audience')
  }
  const usableUntilSeconds = usableUntil(claims, expected)
  refuseOtherEvents(claims)
  // With one it could be taken for an id_token.
  if (ownMember(claims, 'nonce') !== undefined) throw new LogoutTokenRefusedError('logout-token-nonce')
  const tokenId = ownMember(claims, 'jti')
  if (!isShortText(tokenId)) throw new LogoutTokenRefusedError('logout-token-id')
  return { ...whoseSessions(claims), tokenId, usableUntilSeconds }
}

function usableUntil(
  claims: JsonObject,
  { nowSeconds, clockToleranceSeconds }: Pick<LogoutTokenExpectations, 'nowSeconds' | 'clockToleranceSeconds'>
): number {
  const [issued, expires = issued] = [ownMember(claims, 'iat'), ownMember(claims, 'exp')]
  const areTimes = [issued, expires].every(time => typeof time === 'number' && Number.isFinite(time))
  if (typeof issued !== 'number' || typeof expires !== 'number' || !areTimes) {
    throw new LogoutTokenRefusedError('logout-token-times')
  }
  if (issued > nowSeconds + clockToleranceSeconds) throw new LogoutTokenRefusedError('logout-token-not-yet-valid')
  const hasExpiry = ownMember(claims, 'exp') !== undefined
  const longest = issued + LONGEST_AGE_SECONDS
  const until = (hasExpiry ? Math.min(expires, longest) : longest) + clockToleranceSeconds
  if (nowSeconds >= until) throw new LogoutTokenRefusedError('logout-token-expired')
  return until
}

function refuseOtherEvents(claims: JsonObject): void {
  const events = ownMember(claims, 'events')
  if (!isJsonObject(events) || !isJsonObject(ownMember(events, LOGOUT_EVENT))) {
    throw new LogoutTokenRefusedError('logout-token-events')
  }
}

function whoseSessions(claims: JsonObject): Pick<ValidatedLogout, 'subject' | 'sessionId'> {
  const [subject = null, sessionId = null] = [ownMember(claims, 'sub'), ownMember(claims, 'sid')]
  const isText = (value: unknown): value is string | null => value === null || isShortText(value)
  if (!isText(subject) || !isText(sessionId) || (subject === null && sessionId === null)) {
    throw new LogoutTokenRefusedError('logout-token-subject')
  }
  return { subject, sessionId }
}
