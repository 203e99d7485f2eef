import type { DpopKey, KnownCaller, Principal, TokenSet } from '@sallyport/security-context'
import { isRefusal } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { verifyHeldToken } from './verify-held-token.ts'
import type { TokenVerifier } from './verify-token.ts'

/** A token that was verified just now. */
export interface VerifiedToken {
  readonly accessToken: string
  readonly principal: Principal
  /** What the verifier remembers of the caller, when it does. */
  readonly caller?: KnownCaller | null
}

/**
 * A token that the verifier knows and accepts, without a promise; `null` when it has to verify.
 * @param binding `confirmed` where what it is bound to was seen to be ours
 */
export function recallToken(verifier: TokenVerifier, accessToken: string, binding?: 'confirmed'): KnownCaller | null {
  return verifier.recall?.(accessToken, binding) ?? null
}

/** What was verified just now, together with what the verifier remembers of it from now on. */
export function verifiedToken(verifier: TokenVerifier, accessToken: string, principal: Principal): VerifiedToken {
  const caller = verifier.recall?.(accessToken, 'confirmed') ?? null
  return { accessToken, principal, caller: caller?.principal === principal ? caller : null }
}

/**
 * Verifies, telling "refused" from "cannot tell".
 * @param dpopKey what the token has to be bound to
 * @returns `null` when the token is refused
 * @throws what the verifier throws when it cannot tell (503)
 */
export async function verifyOrNull(
  verifier: TokenVerifier,
  accessToken: string,
  dpopKey: DpopKey | null = null
): Promise<VerifiedToken | null> {
  try {
    return verifiedToken(verifier, accessToken, await verifyHeldToken(verifier, accessToken, dpopKey))
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/**
 * Verifies a token that the authorization server issued a moment ago. If it is refused, issuer and verifier disagree:
 * that is an outage for the operator to mend, not the caller's mistake.
 * @param dpopKey what the token has to be bound to
 * @throws {ServerUnavailableError} `SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE`
 */
export async function verifyFresh(
  verifier: TokenVerifier,
  { accessToken }: Pick<TokenSet, 'accessToken'>,
  dpopKey: DpopKey | null = null
): Promise<VerifiedToken> {
  try {
    return verifiedToken(verifier, accessToken, await verifyHeldToken(verifier, accessToken, dpopKey))
  } catch (error) {
    throw isRefusal(error) ? tokenRequestFailure(error) : error
  }
}

/**
 * Whether the token ends within the window, which is at most the last third of its life: with a window as long as the
 * life every request would renew. A token without an expiry never ends.
 * @param spread from 0 to 1: of many tokens that were issued together each has a window of its own, shorter by up to
 * this part, so that they are not renewed together; all replicas agree on it
 */
export function endsSoon(
  { issuedAtSeconds, expiresAtSeconds, tokenId }: Principal,
  nowMs: number,
  windowSeconds: number,
  spread = 0
): boolean {
  if (expiresAtSeconds === null) return false
  const lastThird = issuedAtSeconds === null ? windowSeconds : (expiresAtSeconds - issuedAtSeconds) / 3
  const windowMs = Math.min(windowSeconds, lastThird) * 1000
  const leftMs = expiresAtSeconds * 1000 - nowMs
  // Most requests come long before that.
  if (leftMs > windowMs || spread === 0) return leftMs <= windowMs
  return leftMs <= windowMs * (1 - spread * spreadOf(tokenId ?? ''))
}

/** From 0 up to 1, by the id of the token. */
function spreadOf(tokenId: string): number {
  let hash = 0
  for (let at = 0; at < tokenId.length; at++) hash = (hash * 31 + tokenId.charCodeAt(at)) >>> 0
  return (hash % 1024) / 1024
}
