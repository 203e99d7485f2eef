import { isSignedBy, parseCompactJws } from '@sallyport/authentication'
import { ownMember } from '@sallyport/security-context/mechanics'
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
  if (ownMember(jws.header, 'typ') !== type) return null
  const keyId = ownMember(jws.header, 'kid')
  const published = (await keys.published()).find(({ kid }) => kid === keyId)
  if (published === undefined) return null
  const { kid, algorithm, publicKey } = published
  return isSignedBy(token, jws, { keyId: kid, algorithm, key: publicKey }) ? jws.payload : null
}
