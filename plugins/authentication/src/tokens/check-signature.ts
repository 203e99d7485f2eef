import { constants, createHmac, timingSafeEqual, verify } from 'node:crypto'
import type { VerificationKey } from '@sallyport/security-context'
import { keyMistake, signatureAlgorithm, signatureLength, type SignatureAlgorithm } from './signature-algorithms.ts'

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
export function isPlausibleSignature (signature: Buffer, key: VerificationKey): boolean {
  const algorithm = signatureAlgorithm(key.algorithm)
  if (algorithm === null || keyMistake(algorithm, key.key) !== null) return false
  if (signature.length !== signatureLength(algorithm, key.key)) return false
  if (algorithm.family !== 'ecdsa') return true
  const half = signature.length / 2
  return signature.subarray(0, half).some(isNotZero) && signature.subarray(half).some(isNotZero)
}

/** Checks signatures with node:crypto. */
export const checkWithNodeCrypto: SignatureCheck = function checkWithNodeCrypto ({ signingInput, signature, key }) {
  const algorithm = signatureAlgorithm(key.algorithm)
  if (algorithm === null) return false
  try {
    return isSignatureOf(algorithm, Buffer.from(signingInput), signature, key)
  } catch {
    return false
  }
}

function isSignatureOf (algorithm: SignatureAlgorithm, data: Buffer, signature: Buffer, { key }: VerificationKey): boolean {
  switch (algorithm.family) {
    case 'hmac': return timingSafeEqual(createHmac(algorithm.hash ?? '', key).update(data).digest(), signature)
    case 'eddsa': return verify(null, data, key, signature)
    case 'ecdsa': return verify(algorithm.hash, data, key, derSignature(signature))
    case 'rsa-pkcs1': return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
    case 'rsa-pss': return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
  }
}

const isNotZero = (byte: number): boolean => byte !== 0

/**
 * Turns the fixed-length `r || s` of JOSE into the DER that OpenSSL reads. Done here because asking node:crypto for
 * `dsaEncoding: 'ieee-p1363'` makes a verification half as expensive again on Node 24.
 * @see RFC 7518 §3.4
 */
function derSignature (signature: Buffer): Buffer {
  const half = signature.length / 2
  const r = derInteger(signature.subarray(0, half))
  const s = derInteger(signature.subarray(half))
  const length = r.length + s.length
  const head = length < 128 ? [0x30, length] : [0x30, 0x81, length]
  return Buffer.concat([Buffer.from(head), r, s])
}

/** An unsigned big-endian number as a minimal DER INTEGER: no leading zeros, except one before a set top bit. */
function derInteger (bytes: Buffer): Buffer {
  const start = bytes.findIndex(isNotZero)
  const minimal = bytes.subarray(start)
  const padded = (minimal[0] ?? 0) >= 0x80
  return Buffer.concat([Buffer.from(padded ? [0x02, minimal.length + 1, 0] : [0x02, minimal.length]), minimal])
}
