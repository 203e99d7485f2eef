import { secondsOf } from '../clock.ts'
import type { Client } from '../store/records.ts'
import { tokenTypeOf, type AccessTokenClaims, type TokenType } from '../tokens/access-token-claims.ts'
import { signJwt } from '../tokens/sign-jwt.ts'
import type { AuthorizationServer, JwtIssuer } from './authorization-server.ts'

/** The answer of the introspection endpoint. @see RFC 7662 §2.2 */
export type IntrospectionResponse =
  { readonly active: false } | ({ readonly active: true; readonly token_type: TokenType } & AccessTokenClaims)

/**
 * What a resource server may know about a token: everything when the token is in force and meant for it, otherwise no
 * more than that it is not active, whatever the reason.
 * @see RFC 7662 §2.2, §4
 */
export async function introspectToken(
  { verifyAccessToken }: Pick<AuthorizationServer, 'verifyAccessToken'>,
  caller: Client,
  token: string
): Promise<IntrospectionResponse> {
  const state = await verifyAccessToken(token)
  if (state.kind === 'inactive' || caller.ownAudience === null || state.claims.aud !== caller.ownAudience) {
    return { active: false }
  }
  return { active: true, token_type: tokenTypeOf(state.claims), ...state.claims }
}

/** The media type of a signed answer. @see RFC 9701 §4 */
export const SIGNED_RESPONSE_TYPE = 'application/token-introspection+jwt'

/**
 * A quoted parameter value: commas in it separate nothing. One without a closing quote runs to the end.
 * @see RFC 9110 §5.6.4
 */
const QUOTED = /"(?:[^"\\]|\\[^])*(?:"|\\?$)/g

/**
 * Whether a request asks for a signed answer by name: a wildcard, which every client sends, does not count, and a
 * weight of zero refuses it.
 * @see RFC 9701 §4, RFC 9110 §12.5.1
 */
export function asksForSignedResponse(accept: string | undefined): boolean {
  if (accept?.toLowerCase().includes(SIGNED_RESPONSE_TYPE) !== true) return false
  return accept
    .replaceAll(QUOTED, '""')
    .split(',')
    .some(range => {
      const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
      return type === SIGNED_RESPONSE_TYPE && !parameters.some(parameter => /^q=0(\.0*)?$/.test(parameter))
    })
}

/**
 * The answer as a JWT that the caller can keep as evidence. It has a type of its own and neither `sub` nor `exp`, so
 * that nobody takes it for an access token.
 * @see RFC 9701 §5
 */
export async function signedResponse(
  { issuer, clock, keys }: JwtIssuer,
  caller: Client,
  response: IntrospectionResponse
): Promise<string> {
  return signJwt(await keys.signer(), 'token-introspection+jwt', {
    iss: issuer,
    aud: caller.id,
    iat: secondsOf(clock()),
    token_introspection: response
  })
}
