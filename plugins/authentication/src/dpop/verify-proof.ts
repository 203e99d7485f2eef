import { isJsonObject, ownMember } from '@sallyport/security-context/mechanics'
import { createHash, type KeyObject } from 'node:crypto'
import { parseCompactJws, type CompactJws } from '../tokens/compact-jws.ts'
import { importPublicJwk } from '../tokens/import-keys.ts'
import { DEFAULT_ALGORITHMS, isSignedBy } from '../tokens/check-signature.ts'

/** What a proof must say. */
export interface DpopExpectations {
  /** HTTP method of the request, as received. */
  readonly method: string
  /**
   * Absolute URL of the request as its sender knows it, from configuration and never from a header; its query is not
   * compared.
   */
  readonly url: string
  readonly nowSeconds: number
  /** Default ES256, EdDSA, RS256, PS256. */
  readonly algorithms?: readonly string[]
  /** A proof made longer ago is refused. Default 60. */
  readonly maxAgeSeconds?: number
  /** Allowed difference between the sender's clock and this one. Default 5. */
  readonly clockToleranceSeconds?: number
  /** The access token that comes with the proof; left out at a token endpoint. */
  readonly accessToken?: string
}

/** A verified proof. It has still to be compared with the key of the token, the nonce, and the proofs seen before. */
export interface DpopProof {
  /** SHA-256 thumbprint of the sender's key, base64url: `jkt`. @see RFC 7638 §3 */
  readonly thumbprint: string
  readonly jti: string
  readonly nonce: string | null
  /** From then on the proof is refused for its age, so nobody has to remember it. */
  readonly usableUntilMs: number
}

/** Why a proof was refused: the stable reasons of the security event. */
export type DpopProofReason =
  | 'proof-malformed'
  | 'proof-type-mismatch'
  | 'proof-algorithm-not-allowed'
  | 'proof-key-invalid'
  | 'proof-signature-invalid'
  | 'proof-method-mismatch'
  | 'proof-url-mismatch'
  | 'proof-expired'
  | 'proof-id-invalid'
  | 'proof-token-mismatch'
  | 'proof-nonce-required'
  | 'proof-key-mismatch'
  | 'proof-replayed'

/** A verified proof, or why it is none. */
export type DpopProofResult =
  { readonly kind: 'valid'; readonly proof: DpopProof } | { readonly kind: 'invalid'; readonly reason: DpopProofReason }

const LONGEST_PROOF = 8192
const LONGEST_PROOF_ID = 256
const DEFAULT_MAX_AGE_SECONDS = 60
const DEFAULT_TOLERANCE_SECONDS = 5

/** The members of a public key that its thumbprint is made of, in order. @see RFC 7638 §3.2, RFC 8037 §2 */
const THUMBPRINT_MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['OKP', ['crv', 'kty', 'x']],
  ['RSA', ['e', 'kty', 'n']]
])

/**
 * Verifies a DPoP proof as far as that needs no memory. Here, and nowhere else, the key comes with the signature: the
 * proof says only "whoever has this key made this request", and the token says which key that must be.
 * @param header the `DPoP` header as received; Node joins two into one that is no proof
 * @see RFC 9449 §4.3
 */
export function verifyDpopProof(
  header: string | readonly string[] | undefined,
  expected: DpopExpectations
): DpopProofResult {
  const jws = typeof header === 'string' && header.length <= LONGEST_PROOF ? parseCompactJws(header) : null
  if (typeof header !== 'string' || jws === null) return invalid('proof-malformed')
  if (ownMember(jws.header, 'typ') !== 'dpop+jwt') return invalid('proof-type-mismatch')
  const algorithm = ownMember(jws.header, 'alg')
  if (typeof algorithm !== 'string' || !(expected.algorithms ?? DEFAULT_ALGORITHMS).includes(algorithm)) {
    return invalid('proof-algorithm-not-allowed')
  }
  const jwk = ownMember(jws.header, 'jwk')
  const key = isJsonObject(jwk) ? importPublicJwk(jwk, algorithm) : null
  if (key === null) return invalid('proof-key-invalid')
  if (!isSignedBy(header, jws, { keyId: '', algorithm, key })) return invalid('proof-signature-invalid')
  return verifyClaims(jws.payload, key, expected)
}

function verifyClaims(claims: CompactJws['payload'], key: KeyObject, expected: DpopExpectations): DpopProofResult {
  const {
    maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS,
    clockToleranceSeconds = DEFAULT_TOLERANCE_SECONDS,
    nowSeconds,
    accessToken
  } = expected
  if (ownMember(claims, 'htm') !== expected.method) return invalid('proof-method-mismatch')
  const url = comparableUrl(ownMember(claims, 'htu'))
  if (url === null || url !== comparableUrl(expected.url)) return invalid('proof-url-mismatch')
  const issuedAt = ownMember(claims, 'iat')
  if (typeof issuedAt !== 'number' || issuedAt > nowSeconds + clockToleranceSeconds) return invalid('proof-expired')
  const usableUntilSeconds = issuedAt + maxAgeSeconds + clockToleranceSeconds
  if (!(nowSeconds < usableUntilSeconds)) return invalid('proof-expired')
  const jti = ownMember(claims, 'jti')
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_PROOF_ID) return invalid('proof-id-invalid')
  if (
    accessToken !== undefined &&
    ownMember(claims, 'ath') !== createHash('sha256').update(accessToken).digest('base64url')
  ) {
    return invalid('proof-token-mismatch')
  }
  const nonce = ownMember(claims, 'nonce')
  return {
    kind: 'valid',
    proof: {
      thumbprint: thumbprintOf(key),
      jti,
      nonce: typeof nonce === 'string' ? nonce : null,
      usableUntilMs: usableUntilSeconds * 1000
    }
  }
}

const invalid = (reason: DpopProofReason): DpopProofResult => ({ kind: 'invalid', reason })

/**
 * A URL without query and fragment, in its normal form. @see RFC 9449 §4.3: syntax-based and scheme-based normalization
 */
function comparableUrl(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const url = URL.parse(value)
  return url === null || url.username !== '' || url.password !== '' ? null : `${url.origin}${url.pathname}`
}

/** Made from the imported key, so that one key has one thumbprint however its JWK was written. */
function thumbprintOf(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' })
  const members = (THUMBPRINT_MEMBERS.get(jwk.kty) ?? []).map(name => [name, jwk[name]])
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url')
}
