import { invalidTarget } from '../../../oauth-error.ts'
import type { Client } from '../../../store/records.ts'
import { hashOfJti } from '../../../tokens/access-token-claims.ts'
import { requestedScopes, scopesAtAudience } from '../../narrow-scopes.ts'
import { tokenResponse, type Grant, type GrantContext, type TokenResponse } from '../grant.ts'

/**
 * Client credentials grant: a token for the client itself, and no refresh token.
 * @see RFC 6749 §4.4, §4.4.3
 */
export const clientCredentialsGrant: Grant = {
  parameters: ['scope', 'audience'],
  confidentialOnly: true,
  advertised: 'always',
  handle: issueToClientItself
}

async function issueToClientItself(context: GrantContext): Promise<TokenResponse> {
  const { server, client, parameters, confirmation } = context
  const audience = allowedAudience(client, parameters.get('audience'))
  const narrow = await scopesAtAudience(server.store, audience)
  const issued = await server.issueAccessToken(client, {
    subject: client.id,
    audience,
    scopes: requestedScopes(parameters.get('scope'), narrow(client.scopes, null)),
    roles: [],
    sessionId: null,
    status: client.status,
    confirmation
  })
  await context.audit(server.store, {
    action: 'token.issue',
    outcome: 'success',
    subject: client.id,
    clientId: client.id,
    resource: { type: 'client', id: client.id },
    detail: { grant: 'client_credentials', audience, jtiHash: hashOfJti(issued.claims.jti) }
  })
  return tokenResponse(issued)
}

function allowedAudience(client: Client, requested: string | undefined): string {
  const audience = requested ?? client.defaultAudience
  if (audience === null) throw invalidTarget('audience-missing')
  if (audience !== client.defaultAudience && !client.audiences.includes(audience)) {
    throw invalidTarget('audience-not-allowed')
  }
  return audience
}
