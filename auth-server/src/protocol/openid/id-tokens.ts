import { createHash } from 'node:crypto'
import { secondsOf } from '../../clock.ts'
import type { Client, Session, User } from '../../store/records.ts'
import { signJwt } from '../../tokens/sign-jwt.ts'
import { signedClaims } from '../../tokens/verify-jwt.ts'
import type { AuthorizationServer, JwtIssuer } from '../authorization-server.ts'

/** The `typ` of id_tokens. */
export const ID_TOKEN_TYPE = 'JWT'

type IdTokenParts = JwtIssuer & Pick<AuthorizationServer, 'lifetimes'>

/** What an id_token is about. */
export interface IdTokenFacts {
  readonly client: Client
  /** With the scopes of this answer. */
  readonly session: Session
  readonly user: User
  /** Of the authorization request; `null` without one, and at a refresh. */
  readonly nonce: string | null
  /** The access token that is issued with it, in the form that the client gets. */
  readonly accessToken: string
}

/**
 * The claims of an id_token. There is one audience, so `azp` is not needed. @see OpenID Connect Core 1.0 §2,
 * Back-Channel Logout 1.0 §2.1
 */
interface IdTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly exp: number
  readonly iat: number
  readonly auth_time: number
  readonly nonce?: string
  readonly sid: string
  readonly at_hash: string
  /** @see RFC 8176 §2 */
  readonly amr: readonly ['pwd']
  readonly preferred_username?: string
}

/**
 * The id_token of an answer to the code grant or to a refresh, `undefined` when the scope `openid` was not granted. A
 * refreshed one has the same subject, audience and `auth_time`, and no `nonce`.
 * @see OpenID Connect Core 1.0 §3.1.3.3, §12.2
 */
export async function issueIdToken(server: IdTokenParts, facts: IdTokenFacts): Promise<string | undefined> {
  const { session } = facts
  // A session that a client began with the user's password says nothing about a login here.
  if (!session.scopes.includes('openid') || session.authenticatedAtMs === null) return undefined
  return signJwt(await server.keys.signer(), ID_TOKEN_TYPE, idTokenClaims(server, facts, session.authenticatedAtMs))
}

function idTokenClaims(
  { issuer, clock, lifetimes }: IdTokenParts,
  { client, session, user, nonce, accessToken }: IdTokenFacts,
  authenticatedAtMs: number
): IdTokenClaims {
  const nowSeconds = secondsOf(clock())
  return {
    iss: issuer,
    sub: user.id,
    aud: client.id,
    exp: nowSeconds + lifetimes.accessTokenSeconds,
    iat: nowSeconds,
    auth_time: secondsOf(authenticatedAtMs),
    ...(nonce === null ? {} : { nonce }),
    sid: session.id,
    at_hash: leftHalfOfHash(accessToken),
    amr: ['pwd'],
    ...(session.scopes.includes('profile') ? { preferred_username: user.username } : {})
  }
}

/**
 * The left half of the hash of the signature's algorithm, which is SHA-256 for ES256. @see OpenID Connect Core 1.0
 * §3.1.3.6
 */
function leftHalfOfHash(token: string): string {
  return createHash('sha256').update(token, 'ascii').digest().subarray(0, 16).toString('base64url')
}

/** What an id_token that this server once issued says. */
export interface IdTokenHint {
  readonly clientId: string
  readonly userId: string
  readonly sessionId: string
}

/**
 * Reads an id_token that comes back as a hint, even an expired one; `null` when this server did not issue it, or has
 * since removed the key that signed it.
 * @see OpenID Connect RP-Initiated Logout 1.0 §2, §4
 */
export async function readIdTokenHint(
  { issuer, keys }: Pick<AuthorizationServer, 'issuer' | 'keys'>,
  token: string
): Promise<IdTokenHint | null> {
  const claims = await signedClaims(keys, token, ID_TOKEN_TYPE)
  if (claims === null || claims.iss !== issuer) return null
  const { aud, sub, sid } = claims
  return typeof aud === 'string' && typeof sub === 'string' && typeof sid === 'string'
    ? { clientId: aud, userId: sub, sessionId: sid }
    : null
}
