import type { KeySource } from '@sallyport/security-context'
import type { JsonObject } from '@sallyport/security-context/mechanics'
import { isSignedBy } from '../tokens/check-signature.ts'
import { parseCompactJws } from '../tokens/compact-jws.ts'

/** What kind of token is expected of an issuer. */
export interface IssuerTokenKind {
  /** Accepted values of `typ`, in lower case: what is of another kind names it. @see RFC 8725 §3.11 */
  readonly types: readonly unknown[]
  readonly algorithms: readonly string[]
}

/** A token whose signature is one of the issuer's keys under its own algorithm. */
export interface IssuerToken {
  readonly claims: JsonObject
  readonly algorithm: string
}

/** Why a token is none of the issuer's, as the end of a reason. */
export type IssuerTokenFault = 'malformed' | 'type' | 'algorithm' | 'key-unknown' | 'signature'

const LONGEST_ISSUER_TOKEN = 16_384
const LONGEST_CLAIM = 255

/**
 * Reads a token of the issuer that is no access token: its claims have still to be held against what is expected.
 * @throws what `keys` throws (503)
 */
export async function readIssuerToken(
  token: string,
  keys: Pick<KeySource, 'find'>,
  { types, algorithms }: IssuerTokenKind
): Promise<IssuerToken | IssuerTokenFault> {
  const jws = token.length > LONGEST_ISSUER_TOKEN ? null : parseCompactJws(token)
  if (jws === null) return 'malformed'
  const { alg, kid, typ } = jws.header
  if (!types.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return 'type'
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return 'algorithm'
  const key = typeof kid === 'string' && kid.length <= LONGEST_CLAIM ? await keys.find(kid) : null
  if (key === null) return 'key-unknown'
  return isSignedBy(token, jws, key) ? { claims: jws.payload, algorithm: alg } : 'signature'
}

/** Whether a claim is a short text without control characters. */
export function isShortText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= LONGEST_CLAIM &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  )
}
