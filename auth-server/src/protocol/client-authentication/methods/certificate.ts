import type { Client } from '../../../store/records.ts'
import type { ClientCertificate } from '../client-certificate.ts'
import { PROVEN, requireClientId, type ClientAuthenticationMethod } from '../method.ts'
import { hasName } from './certificate-names.ts'

/**
 * `tls_client_auth`: an authority of ours vouches for the certificate and it carries the registered name.
 * @see RFC 8705 §2.1
 */
export const tlsClientAuth = certificateMethod(
  'certificateSubject',
  ({ certificateSubject }, { certificate, trusted }) =>
    trusted && certificateSubject !== null && hasName(certificate, certificateSubject)
)

/** `self_signed_tls_client_auth`: it is one of the registered certificates, whoever issued it. @see RFC 8705 §2.2 */
export const selfSignedTlsClientAuth = certificateMethod(
  'certificateThumbprints',
  ({ certificateThumbprints }, { thumbprint }) => certificateThumbprints.includes(thumbprint)
)

/**
 * A method whose proof is the certificate of the connection; the form names the client.
 * @param isOf whether the certificate is the client's
 */
export function certificateMethod(
  needs: ClientAuthenticationMethod['needs'],
  isOf: (client: Client, presented: ClientCertificate) => boolean
): ClientAuthenticationMethod {
  return {
    needs,
    byCertificate: true,
    signingAlgorithms: [],
    isPresented: ({ certificate }) => certificate !== null,
    read: ({ form, certificate }) => ({
      clientId: requireClientId(form),
      verify: registered => {
        if (registered === null) return { refusal: 'client-unknown' }
        const proven = certificate !== null && isOf(registered.client, certificate)
        return proven ? PROVEN : { refusal: 'client-certificate-wrong' }
      }
    })
  }
}
