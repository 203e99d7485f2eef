import { rotateRefreshToken } from '../../../accounts/sessions/rotate-refresh-token.ts'
import { secondsOf } from '../../../clock.ts'
import type { Session } from '../../../store/records.ts'
import type { AuthorizationServer } from '../../authorization-server.ts'
import { idTokenOf } from '../../openid/id-token.ts'
import { qualifiedScopes, requestedScopes } from '../../scopes/grant-scopes.ts'
import { isProtocolScope } from '../../scopes/protocol-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, tokenResponse, type GrantRequest, type TokenResponse } from '../grant.ts'

export const name = 'refresh_token'

export const parameters = ['refresh_token', 'scope', ...CONNECTION_PARAMETERS] as const

/**
 * Refresh grant: a new access token, and the successor of the refresh token. The access token has the roles of now; its
 * scope never grows past what the session was granted.
 * @see RFC 6749 §6
 */
export async function handle(server: AuthorizationServer, request: GrantRequest): Promise<TokenResponse> {
  const refreshToken = requireParameter(request.parameters, 'refresh_token')
  const connection = endUserConnection(request)
  const asked = ({ scopes }: Session): readonly string[] => requestedScopes(request.parameters.get('scope'), scopes)
  const rotated = await rotateRefreshToken(
    server,
    { client: request.client, refreshToken, connection, refuse: asked },
    request.audit
  )
  const { session, user } = rotated
  const qualified = qualifiedScopes(await server.store.scopes.ofAudience(session.audience), user.roles)
  const scopes = asked(session).filter(scope => isProtocolScope(scope) || qualified.includes(scope))
  const issued = await server.issueAccessToken(request.client, {
    subject: user.id,
    audience: session.audience,
    scopes,
    roles: user.roles,
    sessionId: session.id,
    status: session.status,
    notAfterSeconds: secondsOf(session.absoluteExpiresAtMs)
  })
  const idToken = await idTokenOf(server, {
    client: request.client,
    session: { ...session, scopes },
    user,
    nonce: null,
    accessToken: issued.token
  })
  return tokenResponse(issued, {
    refresh_token: rotated.refreshToken,
    ...(idToken !== undefined && { id_token: idToken })
  })
}
