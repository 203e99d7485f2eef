import { isJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'
import type { DpopKey, Principal } from '@sallyport/security-context'
import { InvalidTokenError } from '../errors.ts'
import type { TokenVerifier } from './verify-token.ts'

/**
 * Finds out whether the sender of a token holds the keys that the token is bound to.
 * @param confirmation the claim `cnf`
 * @throws {InvalidTokenError} or {InvalidProofError} when not, or when that cannot be known
 * @see RFC 7800 §3.1
 */
export type ConfirmBinding = (confirmation: JsonObject) => Promise<void>

/**
 * Lets a token through that is bound to nothing, or whose binding is confirmed. Without anybody to confirm it, a bound
 * token is refused: as a plain bearer token it would be worth as much to a thief as to its owner.
 * @throws {InvalidTokenError}
 */
export async function requireConfirmed(principal: Principal, confirm: ConfirmBinding | undefined): Promise<Principal> {
  const confirmation = principal.claims['cnf']
  if (confirmation === undefined) return principal
  if (confirm === undefined) throw new InvalidTokenError('confirmation-unproven')
  if (!isJsonObject(confirmation)) throw new InvalidTokenError('claim-invalid')
  await confirm(confirmation)
  return principal
}

/**
 * Verifies a token of a session of this app: with a key, it has to be bound to that key and to nothing else, and
 * without one to nothing.
 * @throws {InvalidTokenError} and what the verifier throws
 */
export async function verifyHeldToken(
  verifier: TokenVerifier,
  accessToken: string,
  dpopKey: DpopKey | null
): Promise<Principal> {
  if (dpopKey === null) return await verifier.verify(accessToken)
  let isBound = false
  const principal = await verifier.verify(accessToken, async confirmation => {
    const { jkt, ...others } = confirmation
    if (jkt !== dpopKey.thumbprint() || Object.keys(others).length > 0) {
      throw new InvalidTokenError('confirmation-unproven')
    }
    isBound = true
  })
  if (!isBound) throw new InvalidTokenError('token-not-bound')
  return principal
}
