import { rotateRefreshToken } from '../../../accounts/sessions/rotate-refresh-token.ts'
import { PROTOCOL_SCOPES, requestedScopes, scopesAtAudience } from '../../narrow-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, type Grant, type GrantContext, type TokenResponse } from '../grant.ts'
import { answerWithSession } from '../session-tokens.ts'

/**
 * Refresh grant: a new access token, and the successor of the refresh token. The access token carries the user's
 * current roles; its scope never exceeds what the session was granted.
 * @see RFC 6749 §6
 */
export const refreshTokenGrant: Grant = {
  parameters: ['refresh_token', 'scope', ...CONNECTION_PARAMETERS],
  confidentialOnly: false,
  advertised: 'always',
  handle: refreshSession
}

async function refreshSession(context: GrantContext): Promise<TokenResponse> {
  const { server, client, parameters } = context
  const { session, user, refreshToken, scopes } = await rotateRefreshToken(context, {
    refreshToken: requireParameter(parameters, 'refresh_token'),
    connection: endUserConnection(context),
    scopesFor: async (session, { roles }) => {
      const asked = requestedScopes(parameters.get('scope'), session.scopes)
      const narrow = await scopesAtAudience(server.store, session.audience, PROTOCOL_SCOPES)
      // What the client has lost since the session began, the session has lost too.
      return narrow(
        asked.filter(scope => client.scopes.includes(scope)),
        roles
      )
    }
  })
  return await answerWithSession(context, { session, user, refreshToken, scopes })
}
