import { ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from 'node:crypto'
import type { VerificationKey } from '@sallyport/security-context'
import type { CompactJws } from './compact-jws.ts'

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

const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  TABLE.map(algorithm => [algorithm.name, Object.freeze(algorithm)])
)

/** The algorithms a verifier accepts unless told otherwise. */
export const DEFAULT_ALGORITHMS: readonly string[] = Object.freeze(['ES256', 'EdDSA', 'RS256', 'PS256'])

/** The asymmetric algorithms a verifier can be told to accept. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = Object.freeze(
  TABLE.filter(each => each.family !== 'hmac').map(each => each.name)
)

/** The algorithm of exactly this name; `null` for `none` and anything else unknown. */
export function signatureAlgorithm(name: string): SignatureAlgorithm | null {
  return ALGORITHMS.get(name) ?? null
}

/**
 * Why this key may not be used with this algorithm, `null` when it may: the type and the curve must be the
 * algorithm's own, and the strength sufficient. It makes "HMAC keyed with a public key" impossible to express.
 * @see RFC 8725 §3.1, §3.5
 */
export function keyMistake(algorithm: SignatureAlgorithm, key: KeyObject): string | null {
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
export function signatureLength(algorithm: SignatureAlgorithm, key: KeyObject): number {
  return algorithm.signatureBytes ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}

/** A signature to check: the token as received, its parts, and the one key that may have made it. */
export interface SignedInput {
  readonly token: string
  readonly signingInput: string
  readonly signature: Buffer
  readonly key: VerificationKey
}

/** Whether the signature is the key's over the input. The shape of the signature has been checked before. */
export type SignatureCheck = (input: SignedInput) => boolean

/**
 * Whether a signature can be one of this key at all: the key fits its algorithm, the length is exact to the byte, and
 * an ECDSA signature has neither `r` nor `s` zero. Run before every {@link SignatureCheck}.
 * @see RFC 7518 §3.4, CVE-2022-21449
 */
export function isPlausibleSignature(signature: Buffer, key: VerificationKey): boolean {
  const algorithm = signatureAlgorithm(key.algorithm)
  if (algorithm === null || keyMistake(algorithm, key.key) !== null) return false
  if (signature.length !== signatureLength(algorithm, key.key)) return false
  if (algorithm.family !== 'ecdsa') return true
  const half = signature.length / 2
  return signature.subarray(0, half).some(isNotZero) && signature.subarray(half).some(isNotZero)
}

/** Checks signatures with node:crypto. */
export const checkWithNodeCrypto: SignatureCheck = function checkWithNodeCrypto({ signingInput, signature, key }) {
  const algorithm = signatureAlgorithm(key.algorithm)
  if (algorithm === null) return false
  try {
    return isSignatureOf(algorithm, Buffer.from(signingInput), signature, key)
  } catch {
    return false
  }
}

/**
 * Whether a JWS of any kind was signed by this key under the one algorithm that the key is for. `crit` and `b64` are
 * refused: nothing here understands an extension.
 * @param token the JWS as received
 * @param jws its parts
 * @see RFC 7515 §5.2, RFC 8725 §3.1
 */
export function isSignedBy(token: string, jws: CompactJws, key: VerificationKey): boolean {
  const { header, signingInput, signature } = jws
  if (ownMember(header, 'alg') !== key.algorithm || demandsExtension(header)) return false
  return isPlausibleSignature(signature, key) && checkWithNodeCrypto({ token, signingInput, signature, key })
}

/**
 * Whether a header asks for an extension of JWS to be understood. Nothing here understands one.
 * @see RFC 7515 §4.1.11, RFC 7797 §6
 */
export function demandsExtension(header: JsonObject): boolean {
  return Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')
}

function isSignatureOf(
  algorithm: SignatureAlgorithm,
  data: Buffer,
  signature: Buffer,
  { key }: VerificationKey
): boolean {
  switch (algorithm.family) {
    case 'hmac':
      return timingSafeEqual(
        createHmac(algorithm.hash ?? '', key)
          .update(data)
          .digest(),
        signature
      )
    case 'eddsa':
      return verify(null, data, key, signature)
    case 'ecdsa':
      return verify(algorithm.hash, data, key, derSignature(signature))
    case 'rsa-pkcs1':
      return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
    case 'rsa-pss': {
      const padding = constants.RSA_PKCS1_PSS_PADDING
      return verify(algorithm.hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
    }
  }
}

const isNotZero = (byte: number): boolean => byte !== 0

/**
 * Turns the fixed-length `r || s` of JOSE into the DER that OpenSSL reads. Done here because asking node:crypto for
 * `dsaEncoding: 'ieee-p1363'` makes a verification half as expensive again on Node 24.
 * @see RFC 7518 §3.4
 */
function derSignature(signature: Buffer): Buffer {
  const half = signature.length / 2
  const r = derInteger(signature.subarray(0, half))
  const s = derInteger(signature.subarray(half))
  const length = r.length + s.length
  const head = length < 128 ? [0x30, length] : [0x30, 0x81, length]
  return Buffer.concat([Buffer.from(head), r, s])
}

/** An unsigned big-endian number as a minimal DER INTEGER: no leading zeros, except one before a set top bit. */
function derInteger(bytes: Buffer): Buffer {
  const start = bytes.findIndex(isNotZero)
  const minimal = bytes.subarray(start)
  const padded = (minimal[0] ?? 0) >= 0x80
  return Buffer.concat([Buffer.from(padded ? [0x02, minimal.length + 1, 0] : [0x02, minimal.length]), minimal])
}
