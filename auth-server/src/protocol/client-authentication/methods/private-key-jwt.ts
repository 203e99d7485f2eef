import { invalidClient, invalidRequest } from '../../../oauth-error.ts'
import type { ClientAuthenticationMethod } from '../method.ts'
import { ASSERTION_ALGORITHMS, readAssertion, verifyAssertion } from './verify-assertion.ts'

/** The only kind of assertion. @see RFC 7523 §2.2 */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** `private_key_jwt`: a JWT that the client signed for this server, good once. @see RFC 7523 §2.2, §3 */
export const privateKeyJwt: ClientAuthenticationMethod = {
  needs: 'jwks',
  byCertificate: false,
  signingAlgorithms: [...ASSERTION_ALGORITHMS],
  isPresented: ({ form }) => form.has('client_assertion'),
  read: ({ form }) => {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) throw invalidClient('client-assertion-kind')
    const presented = readAssertion(form.get('client_assertion') ?? '')
    const { clientId } = presented
    if ((form.get('client_id') ?? clientId) !== clientId) {
      throw invalidRequest('client-id-mismatch', 'Two different client ids')
    }
    return {
      clientId,
      verify: (registered, server) => verifyAssertion(presented, registered?.client.jwks ?? null, server)
    }
  }
}
