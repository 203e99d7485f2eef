import type { KeyObject } from 'node:crypto'

/** What a JWS algorithm demands of its key and its signature. @see RFC 7518 §3.1, RFC 8037 §3.1 */
export interface SignatureAlgorithm {
  readonly name: string
  readonly family: 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss' | 'eddsa' | 'hmac'
  /** Digest name for node:crypto; `null` where the algorithm fixes it (EdDSA). */
  readonly hash: string | null
  /** `namedCurve` of node:crypto, for ECDSA. */
  readonly curve: string | null
  /** Length of the signature in bytes; `null` where the key decides (RSA). */
  readonly signatureBytes: number | null
}

/** RSA keys below this are ignored. @see RFC 7518 §3.3 */
const MIN_RSA_BITS = 2048
/** Shared secrets below this are refused: as long as the hash. @see RFC 7518 §3.2 */
export const MIN_SECRET_BYTES = 32

const TABLE: readonly SignatureAlgorithm[] = [
  { name: 'ES256', family: 'ecdsa', hash: 'sha256', curve: 'prime256v1', signatureBytes: 64 },
  { name: 'ES384', family: 'ecdsa', hash: 'sha384', curve: 'secp384r1', signatureBytes: 96 },
  { name: 'ES512', family: 'ecdsa', hash: 'sha512', curve: 'secp521r1', signatureBytes: 132 },
  { name: 'EdDSA', family: 'eddsa', hash: null, curve: null, signatureBytes: 64 },
  { name: 'RS256', family: 'rsa-pkcs1', hash: 'sha256', curve: null, signatureBytes: null },
  { name: 'RS384', family: 'rsa-pkcs1', hash: 'sha384', curve: null, signatureBytes: null },
  { name: 'RS512', family: 'rsa-pkcs1', hash: 'sha512', curve: null, signatureBytes: null },
  { name: 'PS256', family: 'rsa-pss', hash: 'sha256', curve: null, signatureBytes: null },
  { name: 'PS384', family: 'rsa-pss', hash: 'sha384', curve: null, signatureBytes: null },
  { name: 'PS512', family: 'rsa-pss', hash: 'sha512', curve: null, signatureBytes: null },
  { name: 'HS256', family: 'hmac', hash: 'sha256', curve: null, signatureBytes: 32 }
]

const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map(TABLE.map(algorithm => [algorithm.name, Object.freeze(algorithm)]))

/** The algorithms a verifier accepts unless told otherwise. */
export const DEFAULT_ALGORITHMS: readonly string[] = Object.freeze(['ES256', 'EdDSA', 'RS256', 'PS256'])

/** The asymmetric algorithms a verifier can be told to accept. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = Object.freeze(TABLE.filter(each => each.family !== 'hmac').map(each => each.name))

/** The algorithm of exactly this name; `null` for `none` and anything else unknown. */
export function signatureAlgorithm (name: string): SignatureAlgorithm | null {
  return ALGORITHMS.get(name) ?? null
}

/**
 * Why this key may not be used with this algorithm, `null` when it may: the type and the curve must be the
 * algorithm's own, and the strength sufficient. It makes "HMAC keyed with a public key" impossible to express.
 * @see RFC 8725 §3.1, §3.5
 */
export function keyMistake (algorithm: SignatureAlgorithm, key: KeyObject): string | null {
  const details = key.asymmetricKeyDetails
  switch (algorithm.family) {
    case 'hmac':
      if (key.type !== 'secret') return 'not a secret'
      return (key.symmetricKeySize ?? 0) < MIN_SECRET_BYTES ? `shorter than ${MIN_SECRET_BYTES} bytes` : null
    case 'ecdsa':
      if (key.type !== 'public' || key.asymmetricKeyType !== 'ec') return 'not a public EC key'
      return details?.namedCurve === algorithm.curve ? null : 'another curve'
    case 'eddsa':
      return key.type === 'public' && key.asymmetricKeyType === 'ed25519' ? null : 'not a public Ed25519 key'
    default:
      if (key.type !== 'public' || key.asymmetricKeyType !== 'rsa') return 'not a public RSA key'
      if ((details?.modulusLength ?? 0) < MIN_RSA_BITS) return `RSA modulus below ${MIN_RSA_BITS} bits`
      return details?.publicExponent === 65537n ? null : 'RSA exponent is not 65537'
  }
}

/** Length in bytes that a signature by this key has. */
export function signatureLength (algorithm: SignatureAlgorithm, key: KeyObject): number {
  return algorithm.signatureBytes ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}
