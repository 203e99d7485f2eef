import type { VerificationKey } from '@sallyport/security-context'
import { checkWithNodeCrypto, isPlausibleSignature } from './check-signature.ts'
import type { CompactJws } from './compact-jws.ts'
import { member } from './json.ts'

/**
 * Whether a JWS of any kind was signed by this key under the one algorithm that the key is for. `crit` and `b64` are
 * refused: nothing here understands an extension.
 * @param token the JWS as received
 * @param jws its parts
 * @see RFC 7515 §5.2, RFC 8725 §3.1
 */
export function isSignedBy (token: string, jws: CompactJws, key: VerificationKey): boolean {
  if (member(jws.header, 'alg') !== key.algorithm || Object.hasOwn(jws.header, 'crit') || Object.hasOwn(jws.header, 'b64')) return false
  return isPlausibleSignature(jws.signature, key) && checkWithNodeCrypto({ token, signingInput: jws.signingInput, signature: jws.signature, key })
}
