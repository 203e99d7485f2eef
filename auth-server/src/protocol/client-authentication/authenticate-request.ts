import { invalidClient, invalidRequest, refusalsAbout } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { AuthenticationMethod, Client } from '../../store/records.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { authenticateClient } from './authenticate-client.ts'
import { authenticateByCertificate } from './by-certificate.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { presentedCredentials } from './presented-credentials.ts'
import { readAssertion, verifyAssertion } from './verify-assertion.ts'

/** The only kind of assertion. @see RFC 7523 §2.2 */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Where a request can present client authentication. */
export interface ClientRequest {
  readonly authorization: string | undefined
  readonly form: Form
  /** Of the connection. */
  readonly certificate: ClientCertificate | null
}

/** A client and how it proved to be that one. */
export interface AuthenticatedClient {
  readonly client: Client
  readonly method: AuthenticationMethod
}

/**
 * The client that a request proves, by whatever method it presents. All failures are one answer; which it was is in the
 * security event. A certificate beside another method is no second one: it is what the tokens are bound to.
 * @throws {OAuthError} `invalid_client`; `invalid_request` for more than one method
 * @see RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2
 */
export async function authenticateRequest(
  server: AuthorizationServer,
  { authorization, form, certificate }: ClientRequest
): Promise<AuthenticatedClient> {
  const assertion = form.get('client_assertion')
  if (assertion !== undefined && authorization === undefined && !form.has('client_secret')) {
    return await byAssertion(server, form, assertion)
  }
  const credentials = presentedCredentials(authorization, form)
  const byCertificate =
    credentials.method === 'none' && certificate !== null
      ? await authenticateByCertificate(server.store, credentials.clientId, certificate)
      : null
  return (
    byCertificate ?? {
      client: await authenticateClient(server.store, credentials, server.clock()),
      method: credentials.method
    }
  )
}

async function byAssertion(
  { store, clock, issuer, clockToleranceSeconds }: AuthorizationServer,
  form: Form,
  assertion: string
): Promise<AuthenticatedClient> {
  if (form.get('client_assertion_type') !== ASSERTION_TYPE) throw invalidClient('client-assertion-kind')
  const presented = readAssertion(assertion)
  const { clientId } = presented
  if ((form.get('client_id') ?? clientId) !== clientId) {
    throw invalidRequest('client-id-mismatch', 'Two different client ids')
  }
  const nowMs = clock()
  const client = await store.clients.find(clientId)
  const aimedAt = client === null ? {} : { resource: { type: 'client', id: client.id } }
  return await refusalsAbout(aimedAt, async () => {
    const { jti, expiresAtMs } = verifyAssertion(presented, client?.proof ?? null, {
      issuer,
      nowMs,
      clockToleranceSeconds
    })
    if (client === null) throw invalidClient('client-unknown')
    if (client.disabledAtMs !== null) throw invalidClient('client-disabled')
    if (!client.authenticationMethods.includes('private_key_jwt')) throw invalidClient('client-authentication-method')
    const id = { issuer: `assertion:${clientId}`, jti, expiresAtMs }
    if (!(await store.replays.record(id, nowMs))) throw invalidClient('client-assertion-replayed')
    return { client, method: 'private_key_jwt' }
  })
}
