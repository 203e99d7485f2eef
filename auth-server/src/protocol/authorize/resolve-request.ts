import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { readRequest, type ReadRequest, type RequestReader } from './read-request.ts'

/** @see RFC 9126 §2.2 */
const REFERENCE_PREFIX = 'urn:ietf:params:oauth:request_uri:'
/** How long the user's browser has to come with a reference. */
const LIFETIME_SECONDS = 90

/** Where a pushed request is found from now on. */
export interface PushedReference {
  readonly requestUri: string
  readonly expiresInSeconds: number
}

/**
 * Stores the parameters of a request that its client has pushed; the reference is as good as the request, so only its
 * hash is stored.
 * @see RFC 9126 §2.2, §7.1
 */
export async function storePushedRequest(
  server: Pick<AuthorizationServer, 'store' | 'clock'>,
  clientId: string,
  parameters: Form
): Promise<PushedReference> {
  const requestUri = `${REFERENCE_PREFIX}${newSecret()}`
  await server.store.pushedRequests.save(hashOfSecret(requestUri), {
    clientId,
    parameters: Object.fromEntries(parameters),
    expiresAtMs: server.clock() + LIFETIME_SECONDS * 1000
  })
  return { requestUri, expiresInSeconds: LIFETIME_SECONDS }
}

/**
 * The request of an authorization endpoint's parameters, pushed or not. With a reference, the parameters in the URL
 * count for nothing but the client's id, which has to be the one that pushed.
 * @throws {OAuthError} `invalid_request`
 * @throws {AuthorizationError}
 * @see RFC 9126 §4
 */
export async function resolveRequest(
  server: RequestReader & Pick<AuthorizationServer, 'clock'>,
  parameters: Form
): Promise<ReadRequest> {
  const requestUri = parameters.get('request_uri')
  if (requestUri === undefined) return await readRequest(server, parameters)
  const pushed = requestUri.startsWith(REFERENCE_PREFIX)
    ? await server.store.pushedRequests.find(hashOfSecret(requestUri))
    : null
  if (pushed === null || pushed.clientId !== parameters.get('client_id') || server.clock() >= pushed.expiresAtMs) {
    throw invalidRequest(
      'pushed-request-unknown',
      'The request has expired. Go back to the application and start again'
    )
  }
  return await readRequest(server, new Map(Object.entries(pushed.parameters)), requestUri)
}
