import { secondsOf } from '../../seconds.ts'
import type { Session, UserSession } from '../../store/records.ts'
import type { AuthenticationClaims } from '../../tokens/issue-access-token.ts'
import { issueIdToken } from '../openid/id-tokens.ts'
import { tokenResponse, type GrantContext, type TokenResponse } from './grant.ts'

/** A user's session that a grant started or continued. */
export interface GrantedSession extends UserSession {
  /** To use from now on. */
  readonly refreshToken: string
  /** Of this answer: the session's own, or fewer. */
  readonly scopes: readonly string[]
  /** Of the authorization request. */
  readonly nonce?: string | null
}

/**
 * The tokens of a user's session: an access token that expires no later than the session, the refresh token when the
 * client may refresh, and an id_token when `openid` was granted in a sign-in.
 * @see RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3, §12.2
 */
export async function answerWithSession(
  { server, client, confirmation }: GrantContext,
  { session, user, refreshToken, scopes, nonce = null }: GrantedSession
): Promise<TokenResponse> {
  const issued = await server.issueAccessToken(client, {
    subject: user.id,
    audience: session.audience,
    scopes,
    roles: user.roles,
    sessionId: session.id,
    authentication: authenticationIn(session),
    status: session.status,
    confirmation,
    notAfterSeconds: secondsOf(session.absoluteExpiresAtMs)
  })
  const idToken = await issueIdToken(server, {
    client,
    session: { ...session, scopes },
    user,
    nonce,
    accessToken: issued.token
  })
  return tokenResponse(issued, {
    ...(client.grantTypes.includes('refresh_token') && { refresh_token: refreshToken }),
    ...(idToken !== undefined && { id_token: idToken })
  })
}

/** A session that a client began with the user's password says nothing about a sign-in here. @see RFC 9470 §6 */
function authenticationIn({ authenticatedAtMs }: Session): AuthenticationClaims {
  return authenticatedAtMs === null ? {} : { auth_time: secondsOf(authenticatedAtMs), amr: ['pwd'] }
}
