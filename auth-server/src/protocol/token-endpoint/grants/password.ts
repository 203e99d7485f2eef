import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { checkPassword } from '../../../accounts/passwords/check-password.ts'
import { startSession } from '../../../accounts/sessions/start-session.ts'
import { invalidRequest, invalidTarget } from '../../../oauth-error.ts'
import { requestedScopes, scopesAtAudience } from '../../narrow-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, type Grant, type GrantContext, type TokenResponse } from '../grant.ts'
import { answerWithSession } from '../session-tokens.ts'

/**
 * Password grant, for confidential clients that are allowed it by name. RFC 9700 §2.4 forbids it to new systems: it is
 * here for the gateway's own login and Basic credentials.
 * @see RFC 6749 §4.3
 */
export const passwordGrant: Grant = {
  parameters: ['username', 'password', 'scope', 'session_kind', ...CONNECTION_PARAMETERS],
  confidentialOnly: true,
  advertised: 'when-used',
  handle: logInWithPassword
}

async function logInWithPassword(context: GrantContext): Promise<TokenResponse> {
  const { server, client, parameters } = context
  const username = normaliseUsername(requireParameter(parameters, 'username'))
  const password = requireParameter(parameters, 'password')
  const kind = sessionKind(parameters.get('session_kind'))
  const connection = endUserConnection(context)
  const asked = requestedScopes(parameters.get('scope'), client.scopes)
  const audience = client.defaultAudience
  if (audience === null) throw invalidTarget('audience-missing')

  const attempt = { username, sourceAddress: connection.sourceAddress ?? null }
  const user = await checkPassword(server, attempt, password)
  const narrow = await scopesAtAudience(server.store, audience)
  const started = await startSession(context, {
    user,
    kind,
    audience,
    connection,
    scopesFor: ({ roles }) => narrow(asked, roles)
  })
  return await answerWithSession(context, { ...started, scopes: started.session.scopes })
}

function sessionKind(value: string | undefined): 'login' | 'api' {
  if (value === undefined || value === 'login' || value === 'api') return value ?? 'login'
  throw invalidRequest('session-kind', 'session_kind is neither login nor api')
}
