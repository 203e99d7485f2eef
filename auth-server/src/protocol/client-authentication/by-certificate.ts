import { invalidClient } from '../../oauth-error.ts'
import type { Store } from '../../store/contract.ts'
import type { AuthenticationMethod, Client } from '../../store/records.ts'
import { refusalOf } from './authenticate-client.ts'
import { hasName } from './certificate-names.ts'
import type { ClientCertificate } from './client-certificate.ts'

/** The methods that a certificate alone is enough for. */
export const CERTIFICATE_METHODS: readonly AuthenticationMethod[] = ['tls_client_auth', 'self_signed_tls_client_auth']

/**
 * The client that names itself by `client_id` and proves it with its certificate: an authority of ours vouches for the
 * certificate and it carries the registered name, or it is one of those registered.
 * @returns `null` for a public client, whose certificate proves nothing about who it is
 * @throws {OAuthError} `invalid_client`
 * @see RFC 8705 §2.1, §2.2
 */
export async function authenticateByCertificate(
  store: Store,
  clientId: string,
  presented: ClientCertificate
): Promise<{ readonly client: Client; readonly method: AuthenticationMethod } | null> {
  const client = await store.clients.find(clientId)
  if (client === null) throw invalidClient('client-unknown')
  if (client.authenticationMethods.includes('none')) return null
  if (client.disabledAtMs !== null) throw refusalOf(client, 'client-disabled')
  const { certificateSubject, certificateThumbprints } = client.proof
  const named = presented.trusted && certificateSubject !== null && hasName(presented.certificate, certificateSubject)
  if (named && client.authenticationMethods.includes('tls_client_auth')) return { client, method: 'tls_client_auth' }
  const registered = certificateThumbprints.includes(presented.thumbprint)
  if (registered && client.authenticationMethods.includes('self_signed_tls_client_auth')) {
    return { client, method: 'self_signed_tls_client_auth' }
  }
  throw refusalOf(client, 'client-certificate-wrong')
}
