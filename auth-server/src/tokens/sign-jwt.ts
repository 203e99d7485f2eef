import { sign } from 'node:crypto'
import { joseOfDer } from './keys/ecdsa-signature.ts'
import type { Signer } from './keys/follow-signing-keys.ts'

const encodeJson = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * A signed JWT in compact form.
 * @param type the `typ` header, which keeps one kind of token from being taken for another
 * @see RFC 7515 §7.1, RFC 8725 §3.11
 */
export function signJwt(signer: Signer, type: string, claims: object): string {
  const input = `${encodeJson({ typ: type, alg: signer.algorithm, kid: signer.kid })}.${encodeJson(claims)}`
  return `${input}.${joseOfDer(sign('sha256', Buffer.from(input), signer.privateKey)).toString('base64url')}`
}
