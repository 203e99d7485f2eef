import { verify } from 'node:crypto'
import { parseCompactJws } from '@sallyport/authentication'
import { derOfJose } from './keys/ecdsa-signature.ts'
import type { SigningKeys } from './keys/follow-signing-keys.ts'

/** Anything longer is refused before it is parsed. */
const LONGEST_JWT = 8192

/**
 * The claims of a JWT that this server signed, `null` for anything else: nothing is said of time, issuer or audience.
 * It is read as strictly as any resource server reads it: one spelling, no member twice, no extension.
 * @param type exactly the `typ` header, so that one kind of token is never taken for another
 * @see RFC 7515 §5.2, RFC 8725 §3.11
 */
export async function signedClaims(
  keys: SigningKeys,
  token: string,
  type: string
): Promise<Readonly<Record<string, unknown>> | null> {
  const jws = token.length > LONGEST_JWT ? null : parseCompactJws(token)
  if (jws === null) return null
  const { header, payload, signingInput, signature } = jws
  if (header.typ !== type || 'crit' in header || 'b64' in header) return null
  const key = (await keys.published()).find(({ kid }) => kid === header.kid)
  if (key === undefined || header.alg !== key.algorithm) return null
  const der = derOfJose(signature)
  return der !== null && verify('sha256', Buffer.from(signingInput), key.publicKey, der) ? payload : null
}
