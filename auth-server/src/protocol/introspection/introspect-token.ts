import type { Client } from '../../store/records.ts'
import { tokenTypeOf, type AccessTokenClaims, type TokenType } from '../../tokens/access-token-claims.ts'
import type { AuthorizationServer } from '../authorization-server.ts'

/** The answer of the introspection endpoint. @see RFC 7662 §2.2 */
export type IntrospectionResponse =
  { readonly active: false } | ({ readonly active: true; readonly token_type: TokenType } & AccessTokenClaims)

/**
 * What a resource server may know of a token: everything when the token is in force and meant for it, else that it is
 * not active and nothing more, whatever the reason.
 * @see RFC 7662 §2.2, §4
 */
export async function introspectToken(
  server: AuthorizationServer,
  caller: Client,
  token: string
): Promise<IntrospectionResponse> {
  const state = await server.verifyAccessToken(token)
  if (state.kind === 'inactive' || caller.ownAudience === null || state.claims.aud !== caller.ownAudience) {
    return { active: false }
  }
  return { active: true, token_type: tokenTypeOf(state.claims), ...state.claims }
}
