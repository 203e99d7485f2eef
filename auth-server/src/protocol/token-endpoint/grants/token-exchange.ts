import { LONGEST_ACTOR_CHAIN } from '@sallyport/security-context'
import { invalidRequest, invalidTarget } from '../../../oauth-error.ts'
import type { Form } from '../../../parse-form.ts'
import type { StatusPosition } from '../../../store/records.ts'
import {
  hashOfJti,
  lengthOfActorChain,
  parseScopes,
  type AccessTokenClaims
} from '../../../tokens/access-token-claims.ts'
import { requestedScopes, scopesAtAudience } from '../../narrow-scopes.ts'
import { CONNECTION_PARAMETERS, endUserConnection } from '../end-user-connection.ts'
import { requireParameter, tokenResponse, type Grant, type GrantContext, type TokenResponse } from '../grant.ts'

/** @see RFC 8693 §3 */
const ISSUED_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const ACCEPTED_TOKEN_TYPES = [ISSUED_TOKEN_TYPE, 'urn:ietf:params:oauth:token-type:jwt']

/**
 * Token exchange: a client that received a token may have one for another audience of its allow-list. It can only
 * narrow: the scope is a part of the subject token's, it ends no later, the session is the same, and the client adds
 * itself to the chain of actors. Nobody acts without being named: impersonation is refused.
 * @see RFC 8693 §2.1, §2.2, §4.1
 */
export const tokenExchangeGrant: Grant = {
  parameters: [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'audience',
    'resource',
    'scope',
    'actor_token',
    'actor_token_type',
    'requested_subject',
    ...CONNECTION_PARAMETERS
  ],
  confidentialOnly: true,
  advertised: 'always',
  handle: exchangeSubjectToken
}

async function exchangeSubjectToken(context: GrantContext): Promise<TokenResponse> {
  const { server, client, parameters, confirmation } = context
  refuseUnsupported(parameters)
  endUserConnection(context)
  const audience = requireParameter(parameters, 'audience')
  if (!client.audiences.includes(audience)) throw invalidTarget('audience-not-allowed')
  const { claims, status } = await verifySubject(context, requireParameter(parameters, 'subject_token'))
  // One link more, and no resource server would take the token.
  if (lengthOfActorChain(claims.act) >= LONGEST_ACTOR_CHAIN) {
    throw invalidRequest('actor-chain-too-long', 'The subject token has passed through too many clients')
  }

  const narrow = await scopesAtAudience(server.store, audience)
  const reachable = narrow(parseScopes(claims.scope), claims.sid === undefined ? null : claims.roles)
  const issued = await server.issueAccessToken(client, {
    subject: claims.sub,
    audience,
    scopes: requestedScopes(parameters.get('scope'), reachable),
    roles: claims.roles,
    sessionId: claims.sid ?? null,
    authentication: {
      ...(claims.auth_time !== undefined && { auth_time: claims.auth_time }),
      ...(claims.amr !== undefined && { amr: claims.amr })
    },
    status,
    transactionId: claims.txn,
    actor: { sub: client.id, ...(claims.act === undefined ? {} : { act: claims.act }) },
    confirmation,
    notAfterSeconds: claims.exp
  })
  await auditExchange(context, claims, issued.claims)
  return tokenResponse(issued, { issued_token_type: ISSUED_TOKEN_TYPE })
}

function refuseUnsupported(parameters: Form): void {
  if (parameters.has('actor_token') || parameters.has('actor_token_type')) {
    throw invalidRequest('actor-token', 'actor_token is not supported: the client itself is the actor')
  }
  if (parameters.has('requested_subject')) throw invalidRequest('impersonation', 'Impersonation is not supported')
  if (parameters.has('resource')) throw invalidTarget('resource-not-supported')
  if (!ACCEPTED_TOKEN_TYPES.includes(requireParameter(parameters, 'subject_token_type'))) {
    throw invalidRequest('subject-token-type', 'Only access tokens can be exchanged')
  }
  const requested = parameters.get('requested_token_type')
  if (requested !== undefined && !ACCEPTED_TOKEN_TYPES.includes(requested)) {
    throw invalidRequest('requested-token-type', 'Only access tokens are issued')
  }
}

/** An unacceptable subject token is `invalid_request`. @see RFC 8693 §2.2.2 */
async function verifySubject(
  { server, client }: GrantContext,
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

async function auditExchange(
  { server, client, audit }: GrantContext,
  subject: AccessTokenClaims,
  issued: AccessTokenClaims
): Promise<void> {
  await audit(server.store, {
    action: 'token.exchange',
    outcome: 'success',
    subject: subject.sub,
    clientId: client.id,
    resource: { type: 'client', id: client.id },
    detail: {
      audience: issued.aud,
      subjectJtiHash: hashOfJti(subject.jti),
      jtiHash: hashOfJti(issued.jti),
      txn: subject.txn
    }
  })
}
