import type { DpopProof } from '@sallyport/authentication'
import type { EndUserConnection } from '@sallyport/security-context'
import { OAuthError, refusalsAbout } from '../../oauth-error.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { Client } from '../../store/records.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { authenticateClient, type AuthenticatedClient } from '../client-authentication/authenticate-client.ts'
import type { ClientRequest } from '../client-authentication/method.ts'
import { boundTo } from './bound-to.ts'
import { requireParameter, type Grant, type TokenResponse } from './grant.ts'
import { GRANTS } from './grants/index.ts'
import { requestConfirmation } from './request-confirmation.ts'

/** One request to the token endpoint. */
export interface TokenRequest extends ClientRequest {
  /** The DPoP header. */
  readonly dpop: string | readonly string[] | undefined
  readonly connection: EndUserConnection
  readonly audit: WriteAudit
  /** Hears of the end user's address when the client is believed. */
  readonly noteEndUser: (sourceAddress: string) => void
}

/**
 * The token endpoint: who asks, for what, may they, then the grant.
 * @throws {OAuthError}
 * @see RFC 6749 §3.2
 */
export async function answerTokenRequest(server: AuthorizationServer, request: TokenRequest): Promise<TokenResponse> {
  // Before client authentication: a request without the right nonce comes again, and must not have used its assertion
  // up.
  const proof = request.dpop === undefined ? null : server.dpop.verify(request.dpop, 'token')
  const authenticated = await authenticateClient(server, request)
  const clientId = authenticated.client.id
  return await refusalsAbout({ clientId }, async () => await grantTo(server, authenticated, request, proof))
}

async function grantTo(
  server: AuthorizationServer,
  authenticated: AuthenticatedClient,
  request: TokenRequest,
  proof: DpopProof | null
): Promise<TokenResponse> {
  const { form, connection, audit, noteEndUser } = request
  const { client } = authenticated
  if (proof !== null) await server.dpop.useUp(proof)
  const confirmation = requestConfirmation(authenticated, request.certificate, proof)
  const grant = grantOf(requireParameter(form, 'grant_type'))
  refuseGrantNotAllowed(client, grant)
  const parameters = new Map(
    grant.parameters.flatMap(name => {
      const value = form.get(name)
      return value === undefined ? [] : [[name, value]]
    })
  )
  return await grant.handle(boundTo(server, confirmation), { client, parameters, connection, audit, noteEndUser })
}

function grantOf(grantType: string): Grant {
  const grant = GRANTS.get(grantType)
  if (grant === undefined) {
    throw new OAuthError('unsupported_grant_type', 'grant-unsupported', 'This grant type is not supported')
  }
  return grant
}

function refuseGrantNotAllowed(client: Client, grant: Grant): void {
  if (!client.grantTypes.includes(grant.name)) {
    throw new OAuthError('unauthorized_client', 'grant-not-allowed', 'This client may not use the grant')
  }
}
