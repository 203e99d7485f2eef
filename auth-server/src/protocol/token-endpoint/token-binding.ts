import type { DpopProof } from '@sallyport/authentication'
import { invalidRequest, OAuthError } from '../../oauth-error.ts'
import type { Confirmation } from '../../store/confirmation.ts'
import type { AuthenticatedClient } from '../client-authentication/authenticate-client.ts'
import type { ClientCertificate } from '../client-authentication/client-certificate.ts'
import { METHODS } from '../client-authentication/methods.ts'

/**
 * The keys that the tokens of this request will be bound to: the certificate when the client authenticated with one or
 * asked for bound tokens at its registration, and the key of its DPoP proof. `null`: a bearer token.
 * @throws {OAuthError} `invalid_request`, `invalid_dpop_proof` when the client's tokens are always bound and it proves
 * no key
 * @see RFC 8705 §3, §3.4, RFC 9449 §5, §5.2
 */
export function tokenBinding(
  { client, method }: AuthenticatedClient,
  certificate: ClientCertificate | null,
  proof: DpopProof | null
): Confirmation | null {
  const { certificateBoundTokens, dpopBoundTokens } = client
  if (certificateBoundTokens && certificate === null) {
    throw invalidRequest('certificate-missing', 'This client needs a client certificate')
  }
  if (dpopBoundTokens && proof === null) {
    throw new OAuthError('invalid_dpop_proof', 'proof-missing', 'This client needs a DPoP proof')
  }
  const binds = certificate !== null && (certificateBoundTokens || METHODS[method].byCertificate)
  if (!binds && proof === null) return null
  return {
    ...(binds ? { 'x5t#S256': certificate.thumbprint } : {}),
    ...(proof === null ? {} : { jkt: proof.thumbprint })
  }
}
