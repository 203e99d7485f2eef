import { isJsonObject, type JsonObject } from '@sallyport/security-context/mechanics'
import type { Principal } from '@sallyport/security-context'
import { InvalidTokenError } from '../errors.ts'

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
