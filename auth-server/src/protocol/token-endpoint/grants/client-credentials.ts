import { invalidTarget, OAuthError } from '../../../oauth-error.ts'
import type { Client } from '../../../store/records.ts'
import { jtiHashOf } from '../../../tokens/access-token-claims.ts'
import type { AuthorizationServer } from '../../authorization-server.ts'
import { qualifiedScopes, requestedScopes } from '../../scopes/grant-scopes.ts'
import { tokenResponse, type GrantRequest, type TokenResponse } from '../grant.ts'

export const name = 'client_credentials'

export const parameters = ['scope', 'audience'] as const

/**
 * Client credentials grant: a token for the client itself, and no refresh token.
 * @see RFC 6749 §4.4, §4.4.3
 */
export async function handle(
  server: AuthorizationServer,
  { client, parameters, audit }: GrantRequest
): Promise<TokenResponse> {
  if (!client.confidential) {
    throw new OAuthError('unauthorized_client', 'client-public', 'This client may not use the grant')
  }
  const audience = audienceOf(client, parameters.get('audience'))
  const atAudience = qualifiedScopes(await server.store.scopes.ofAudience(audience), null)
  const scopes = requestedScopes(
    parameters.get('scope'),
    client.scopes.filter(scope => atAudience.includes(scope))
  )
  const issued = await server.issueAccessToken(client, {
    subject: client.id,
    audience,
    scopes,
    roles: [],
    sessionId: null,
    status: client.status
  })
  await audit(server.store, {
    action: 'token.issue',
    outcome: 'success',
    subject: client.id,
    clientId: client.id,
    resource: { type: 'client', id: client.id },
    detail: { grant: name, audience, jtiHash: jtiHashOf(issued.claims.jti) }
  })
  return tokenResponse(issued)
}

function audienceOf(client: Client, requested: string | undefined): string {
  const audience = requested ?? client.defaultAudience
  if (audience === null) throw invalidTarget('audience-missing')
  if (audience !== client.defaultAudience && !client.audiences.includes(audience)) {
    throw invalidTarget('audience-not-allowed')
  }
  return audience
}
