import type { DpopProof } from '@sallyport/authentication'
import type { EndUserConnection } from '@sallyport/security-context'
import { OAuthError, refusalsAbout } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { WriteAudit, WriteAuditWith } from '../../store/contract.ts'
import { isGrantType } from '../../store/grant-types.ts'
import type { Client } from '../../store/records.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { authenticateClient, type AuthenticatedClient } from '../client-authentication/authenticate-client.ts'
import type { ClientRequest } from '../client-authentication/method.ts'
import { requireParameter, type Grant, type TokenResponse } from './grant.ts'
import { GRANTS } from './grants/index.ts'
import { tokenBinding } from './token-binding.ts'

/** One request to the token endpoint. */
export interface TokenRequest extends ClientRequest {
  /** The DPoP header. */
  readonly dpop: string | readonly string[] | undefined
  readonly connection: EndUserConnection
  readonly audit: WriteAudit
  readonly auditWith: WriteAuditWith
  /** Called with the end user's connection when a trusted client reports it. */
  readonly noteEndUser: (connection: EndUserConnection) => void
}

/**
 * The token endpoint: who asks, for which grant, are they allowed it; then the grant.
 * @throws {OAuthError}
 * @see RFC 6749 §3.2
 */
export async function answerTokenRequest(server: AuthorizationServer, request: TokenRequest): Promise<TokenResponse> {
  // Before client authentication: a request without the right nonce is sent again, and must not have used up its
  // assertion.
  const proof = request.dpop === undefined ? null : server.dpop.verify(request.dpop, 'token')
  const authenticated = await authenticateClient(server, request)
  const clientId = authenticated.client.id
  return await refusalsAbout({ clientId }, async () => await runGrant(server, authenticated, request, proof))
}

async function runGrant(
  server: AuthorizationServer,
  authenticated: AuthenticatedClient,
  request: TokenRequest,
  proof: DpopProof | null
): Promise<TokenResponse> {
  const { form, connection, audit, auditWith, noteEndUser } = request
  const { client } = authenticated
  if (proof !== null) await server.dpop.useUp(proof)
  const confirmation = tokenBinding(authenticated, request.certificate, proof)
  const grant = grantFor(client, requireParameter(form, 'grant_type'))
  const parameters = pickParameters(form, grant.parameters)
  return await grant.handle({ server, client, parameters, connection, confirmation, audit, auditWith, noteEndUser })
}

function grantFor(client: Client, grantType: string): Grant {
  if (!isGrantType(grantType)) {
    throw new OAuthError('unsupported_grant_type', 'grant-unsupported', 'This grant type is not supported')
  }
  if (!client.grantTypes.includes(grantType)) {
    throw new OAuthError('unauthorized_client', 'grant-not-allowed', 'This client may not use the grant')
  }
  const grant = GRANTS[grantType]
  if (grant.confidentialOnly && !client.confidential) {
    throw new OAuthError('unauthorized_client', 'client-public', 'This client may not use the grant')
  }
  return grant
}

function pickParameters(form: Form, names: readonly string[]): Form {
  return new Map([...form].filter(([name]) => names.includes(name)))
}
