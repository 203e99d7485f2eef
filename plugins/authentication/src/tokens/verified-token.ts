import type { Principal, TokenSet } from '@sallyport/security-context'
import { isRefusal } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import type { TokenVerifier } from './verify-token.ts'

/** A token that was verified just now. */
export interface VerifiedToken {
  readonly accessToken: string
  readonly principal: Principal
}

/**
 * Verifies, telling "refused" from "cannot tell".
 * @returns `null` when the token is refused
 * @throws what the verifier throws when it cannot tell (503)
 */
export async function verifyOrNull(verifier: TokenVerifier, accessToken: string): Promise<VerifiedToken | null> {
  try {
    return { accessToken, principal: await verifier.verify(accessToken) }
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/**
 * Verifies a token that the authorization server issued a moment ago. If it is refused, issuer and verifier disagree:
 * that is an outage for the operator to mend, not the caller's mistake.
 * @throws {ServerUnavailableError} `SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE`
 */
export async function verifyFresh(verifier: TokenVerifier, tokens: TokenSet): Promise<VerifiedToken> {
  try {
    return { accessToken: tokens.accessToken, principal: await verifier.verify(tokens.accessToken) }
  } catch (error) {
    throw isRefusal(error) ? tokenRequestFailure(error) : error
  }
}

/**
 * Whether the token ends within the window, which is at most the last third of its life: with a window as long as the
 * life every request would renew. A token without an expiry never ends.
 */
export function endsSoon(
  { issuedAtSeconds, expiresAtSeconds }: Principal,
  nowMs: number,
  windowSeconds: number
): boolean {
  if (expiresAtSeconds === null) return false
  const lastThird = issuedAtSeconds === null ? windowSeconds : (expiresAtSeconds - issuedAtSeconds) / 3
  return expiresAtSeconds * 1000 - nowMs <= Math.min(windowSeconds, lastThird) * 1000
}
