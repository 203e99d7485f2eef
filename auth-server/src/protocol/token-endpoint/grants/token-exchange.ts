import { LONGEST_ACTOR_CHAIN } from '@sallyport/security-context'
import { invalidRequest, invalidTarget, OAuthError } from '../../../oauth-error.ts'
import type { Form } from '../../../parse-form.ts'
import type { Client, StatusPosition } from '../../../store/records.ts'
import { jtiHashOf, lengthOfActorChain, scopesOf, type AccessTokenClaims } from '../../../tokens/access-token-claims.ts'
import type { AuthorizationServer } from '../../authorization-server.ts'
import { qualifiedScopes, requestedScopes } from '../../scopes/grant-scopes.ts'
import { requireParameter, tokenResponse, type GrantRequest, type TokenResponse } from '../grant.ts'

export const name = 'urn:ietf:params:oauth:grant-type:token-exchange'

export const parameters = [
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'audience',
  'resource',
  'scope',
  'actor_token',
  'actor_token_type',
  'requested_subject'
] as const

/** @see RFC 8693 §3 */
const ACCESS_TOKEN_TYPES = ['urn:ietf:params:oauth:token-type:access_token', 'urn:ietf:params:oauth:token-type:jwt']
const [ACCESS_TOKEN_TYPE] = ACCESS_TOKEN_TYPES

/**
 * Token exchange: a client that received a token may have one for the next audience of its allow-list. It can only
 * narrow: the scope is a part of the subject token's, the end is no later, the session is the same, and the client adds
 * itself to the chain of actors. Nobody acts without being named: impersonation is refused.
 * @see RFC 8693 §2.1, §2.2, §4.1
 */
export async function handle(server: AuthorizationServer, request: GrantRequest): Promise<TokenResponse> {
  const { client, parameters } = request
  refuseUnsupported(client, parameters)
  const audience = requireParameter(parameters, 'audience')
  if (!client.audiences.includes(audience)) throw invalidTarget('audience-not-allowed')
  const subject = await verifySubject(server, client, requireParameter(parameters, 'subject_token'))
  // One link more, and no resource server would take the token.
  if (lengthOfActorChain(subject.claims.act) >= LONGEST_ACTOR_CHAIN) {
    throw invalidRequest('actor-chain-too-long', 'The subject token has passed through too many clients')
  }

  const roles = subject.claims.sid === undefined ? null : subject.claims.roles
  const qualified = qualifiedScopes(await server.store.scopes.ofAudience(audience), roles)
  const narrowed = scopesOf(subject.claims.scope).filter(scope => qualified.includes(scope))
  const issued = await server.issueAccessToken(client, {
    subject: subject.claims.sub,
    audience,
    scopes: requestedScopes(parameters.get('scope'), narrowed),
    roles: subject.claims.roles,
    sessionId: subject.claims.sid ?? null,
    status: subject.status,
    transactionId: subject.claims.txn,
    actor: { sub: client.id, ...(subject.claims.act === undefined ? {} : { act: subject.claims.act }) },
    notAfterSeconds: subject.claims.exp
  })
  await request.audit(server.store, {
    action: 'token.exchange',
    outcome: 'success',
    subject: subject.claims.sub,
    clientId: client.id,
    resource: { type: 'client', id: client.id },
    detail: {
      audience,
      subjectJtiHash: jtiHashOf(subject.claims.jti),
      jtiHash: jtiHashOf(issued.claims.jti),
      txn: subject.claims.txn
    }
  })
  return tokenResponse(issued, { issued_token_type: ACCESS_TOKEN_TYPE ?? '' })
}

function refuseUnsupported(client: Client, parameters: Form): void {
  if (!client.confidential) {
    throw new OAuthError('unauthorized_client', 'client-public', 'This client may not use the grant')
  }
  if (parameters.has('actor_token') || parameters.has('actor_token_type')) {
    throw invalidRequest('actor-token', 'actor_token is not supported: the client itself is the actor')
  }
  if (parameters.has('requested_subject')) throw invalidRequest('impersonation', 'Impersonation is not supported')
  if (parameters.has('resource')) throw invalidTarget('resource-not-supported')
  if (!ACCESS_TOKEN_TYPES.includes(requireParameter(parameters, 'subject_token_type'))) {
    throw invalidRequest('subject-token-type', 'Only access tokens can be exchanged')
  }
  const requested = parameters.get('requested_token_type')
  if (requested !== undefined && !ACCESS_TOKEN_TYPES.includes(requested)) {
    throw invalidRequest('requested-token-type', 'Only access tokens are issued')
  }
}

/** An unacceptable subject token is `invalid_request`. @see RFC 8693 §2.2.2 */
async function verifySubject(
  server: AuthorizationServer,
  client: Client,
  token: string
): Promise<{ readonly claims: AccessTokenClaims; readonly status: StatusPosition }> {
  const state = await server.verifyAccessToken(token)
  if (state.kind === 'inactive') throw invalidRequest(`subject-${state.reason}`, 'The subject token is not valid')
  const { claims } = state
  if (client.ownAudience === null || claims.aud !== client.ownAudience) {
    throw invalidRequest('subject-audience-mismatch', 'The subject token is not valid')
  }
  const listId = server.statusListUris.listIdOf(claims.status.status_list.uri)
  if (listId === null) throw invalidRequest('subject-status-foreign', 'The subject token is not valid')
  return { claims, status: { listId, index: claims.status.status_list.idx } }
}
