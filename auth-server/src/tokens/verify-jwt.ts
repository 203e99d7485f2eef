import { verify } from 'node:crypto'
import { derOfJose } from '../keys/ecdsa-signature.ts'
import type { SigningKeys } from '../keys/signing-keys.ts'

/**
 * The claims of a JWT that this server signed, `null` for anything else: nothing is said of time, issuer or audience.
 * @param type exactly the `typ` header, so that one kind of token is never taken for another
 * @see RFC 7515 §5.2, RFC 8725 §3.11
 */
export async function signedClaims (keys: SigningKeys, token: string, type: string): Promise<Record<string, unknown> | null> {
  const [header = '', payload = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || ![header, payload, signature].every(isCanonical)) return null
  const head = jsonOf(header)
  if (head === null || head.typ !== type || 'crit' in head) return null
  const key = (await keys.published()).find(({ kid }) => kid === head.kid)
  if (key === undefined || head.alg !== key.algorithm) return null
  const der = derOfJose(Buffer.from(signature, 'base64url'))
  if (der === null || !verify('sha256', Buffer.from(`${header}.${payload}`), key.publicKey, der)) return null
  return jsonOf(payload)
}

/** Exactly one base64url text stands for a value. @see RFC 7515 §2 */
const isCanonical = (part: string): boolean => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part

function jsonOf (part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
