import { PROVEN, requireClientId, type ClientAuthenticationMethod } from '../method.ts'

/** `none`: a public client names itself and can prove nothing. @see RFC 6749 §2.1, RFC 7591 §2 */
export const publicClient: ClientAuthenticationMethod = {
  needs: null,
  byCertificate: false,
  signingAlgorithms: [],
  isPresented: () => true,
  read: ({ form }) => ({
    clientId: requireClientId(form),
    verify: registered => {
      if (registered === null) return { refusal: 'client-unknown' }
      return registered.client.confidential ? { refusal: 'client-authentication-method' } : PROVEN
    }
  })
}
