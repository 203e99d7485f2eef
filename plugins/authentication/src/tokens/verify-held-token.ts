import type { DpopKey, Principal } from '@sallyport/security-context'
import { InvalidTokenError } from '../errors.ts'
import type { TokenVerifier } from './verify-token.ts'

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
