import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { checkPassword } from '../../../accounts/passwords/check-password.ts'
import { startSession } from '../../../accounts/sessions/start-session.ts'
import { secondsOf } from '../../../clock.ts'
import { invalidRequest, invalidTarget, OAuthError } from '../../../oauth-error.ts'
import type { User } from '../../../store/records.ts'
import type { AuthorizationServer } from '../../authorization-server.ts'
import { qualifiedScopes, requestedScopes } from '../../scopes/grant-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, tokenResponse, type GrantRequest, type TokenResponse } from '../grant.ts'

export const name = 'password'

export const parameters = ['username', 'password', 'scope', 'session_kind', ...CONNECTION_PARAMETERS] as const

/**
 * Password grant, for confidential clients that are allowed it by name. RFC 9700 §2.4 forbids it to new systems: it is
 * here for the gateway's own login and Basic credentials.
 * @see RFC 6749 §4.3
 */
export async function handle(server: AuthorizationServer, request: GrantRequest): Promise<TokenResponse> {
  const { client } = request
  if (!client.confidential) {
    throw new OAuthError('unauthorized_client', 'client-public', 'This client may not use the grant')
  }
  const username = normaliseUsername(requireParameter(request.parameters, 'username'))
  const password = requireParameter(request.parameters, 'password')
  const kind = sessionKind(request.parameters.get('session_kind'))
  const connection = endUserConnection(request)
  const asked = requestedScopes(request.parameters.get('scope'), client.scopes)
  const audience = client.defaultAudience
  if (audience === null) throw invalidTarget('audience-missing')

  const checked = await checkPassword(server, { username, sourceAddress: connection.sourceAddress ?? null }, password)
  const scopesOfAudience = await server.store.scopes.ofAudience(audience)
  const scopesOf = ({ roles }: User): readonly string[] => {
    const qualified = qualifiedScopes(scopesOfAudience, roles)
    return asked.filter(scope => qualified.includes(scope))
  }
  const { session, user, refreshToken } = await startSession(
    server,
    { user: checked, client, kind, scopesOf, audience, connection },
    request.audit
  )
  const issued = await server.issueAccessToken(client, {
    subject: user.id,
    audience,
    scopes: session.scopes,
    roles: user.roles,
    sessionId: session.id,
    status: session.status,
    notAfterSeconds: secondsOf(session.absoluteExpiresAtMs)
  })
  return tokenResponse(issued, client.grantTypes.includes('refresh_token') ? { refresh_token: refreshToken } : {})
}

function sessionKind(value: string | undefined): 'login' | 'api' {
  if (value === undefined || value === 'login' || value === 'api') return value ?? 'login'
  throw invalidRequest('session-kind', 'session_kind is neither login nor api')
}
