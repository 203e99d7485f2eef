import { signedClaims } from '../../tokens/verify-jwt.ts'
import type { AuthorizationServer } from '../authorization-server.ts'

/** What an id_token that this server once issued says. */
export interface IdTokenHint {
  readonly clientId: string
  readonly userId: string
  readonly sessionId: string
}

/**
 * Reads an id_token that comes back as a hint, also one that has expired; `null` when this server did not issue it, or
 * has removed the key it was signed with since.
 * @see OpenID Connect RP-Initiated Logout 1.0 §2, §4
 */
export async function readIdTokenHint(
  { issuer, keys }: AuthorizationServer,
  token: string
): Promise<IdTokenHint | null> {
  const claims = await signedClaims(keys, token, 'JWT')
  if (claims === null || claims.iss !== issuer) return null
  const { aud, sub, sid } = claims
  return typeof aud === 'string' && typeof sub === 'string' && typeof sid === 'string'
    ? { clientId: aud, userId: sub, sessionId: sid }
    : null
}
