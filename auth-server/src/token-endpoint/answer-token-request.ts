import type { EndUserConnection } from '@sallyport/security-context'
import type { WriteAudit } from '../audit.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { authenticateRequest, type ClientRequest } from '../client-authentication/authenticate-request.ts'
import { OAuthError } from '../oauth-error.ts'
import type { Client } from '../store/records.ts'
import { requireParameter, type Grant, type TokenResponse } from './grant.ts'
import { GRANTS } from './grants/index.ts'

/** One request to the token endpoint. */
export interface TokenRequest extends ClientRequest {
  readonly connection: EndUserConnection
  readonly audit: WriteAudit
}

/**
 * The token endpoint: who asks, for what, may they, then the grant.
 * @throws {OAuthError}
 * @see RFC 6749 §3.2
 */
export async function answerTokenRequest (server: AuthorizationServer, request: TokenRequest): Promise<TokenResponse> {
  const { form, connection, audit } = request
  const { client } = await authenticateRequest(server, request)
  const grant = grantOf(requireParameter(form, 'grant_type'))
  refuseGrantNotAllowed(client, grant)
  const parameters = new Map(grant.parameters.flatMap(name => {
    const value = form.get(name)
    return value === undefined ? [] : [[name, value]]
  }))
  return await grant.handle(server, { client, parameters, connection, audit })
}

function grantOf (grantType: string): Grant {
  const grant = GRANTS.get(grantType)
  if (grant === undefined) throw new OAuthError('unsupported_grant_type', 'grant-unsupported', 'This grant type is not supported')
  return grant
}

function refuseGrantNotAllowed (client: Client, grant: Grant): void {
  if (!client.grantTypes.includes(grant.name)) throw new OAuthError('unauthorized_client', 'grant-not-allowed', 'This client may not use the grant')
}
