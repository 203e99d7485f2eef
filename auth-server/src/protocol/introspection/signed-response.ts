import { secondsOf } from '../../clock.ts'
import type { Client } from '../../store/records.ts'
import { signJwt } from '../../tokens/sign-jwt.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import type { IntrospectionResponse } from './introspect-token.ts'

/** The media type of a signed answer. @see RFC 9701 §4 */
export const SIGNED_RESPONSE_TYPE = 'application/token-introspection+jwt'

/**
 * A quoted value of a parameter: commas in it separate nothing. One that does not end goes to the end. @see RFC 9110
 * §5.6.4
 */
const QUOTED = /"(?:[^"\\]|\\[^])*(?:"|\\?$)/g

/**
 * Whether a request asks for a signed answer, by name: a wildcard, which every client sends, asks for nothing, and a
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
 * The answer as a JWT that its caller can keep as evidence. It has neither `sub` nor `exp` of its own and a type of its
 * own, so that nobody takes it for an access token.
 * @see RFC 9701 §5
 */
export async function signedResponse(
  { issuer, clock, keys }: AuthorizationServer,
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
