import type { AuthenticatedClient } from '../client-authentication/authenticate-request.ts'
import { CERTIFICATE_METHODS } from '../client-authentication/by-certificate.ts'
import type { ClientCertificate } from '../mutual-tls/client-certificate.ts'
import { invalidRequest } from '../oauth-error.ts'
import type { Confirmation } from '../tokens/confirmation.ts'

/**
 * The keys that the tokens of this request will be bound to: the certificate when the client authenticated with one or
 * asked for bound tokens at its registration. `null`: a bearer token.
 * @throws {OAuthError} `invalid_request` when the client's tokens are always bound and it proves no key
 * @see RFC 8705 §3, §3.4
 */
export function requestConfirmation ({ client, method }: AuthenticatedClient, certificate: ClientCertificate | null): Confirmation | null {
  const { certificateBoundTokens } = client.proof
  if (certificateBoundTokens && certificate === null) throw invalidRequest('certificate-missing', 'This client needs a client certificate')
  const binds = certificate !== null && (certificateBoundTokens || CERTIFICATE_METHODS.includes(method))
  return binds ? { 'x5t#S256': certificate.thumbprint } : null
}
