import { constants, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { VerificationKey } from '@sallyport/security-context'

/** A key pair of an issuer. */
export interface IssuerKey {
  /** `kid`. */
  readonly keyId: string
  /** JWS `alg`. */
  readonly algorithm: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** What a key source gives for it. */
  readonly verification: VerificationKey
  /** The public key as in a JWKS document. */
  readonly jwk: Readonly<Record<string, unknown>>
}

/** Makes a key pair for a JWS algorithm: ES256, ES384, ES512, EdDSA, or one of RSA with 2048 bits. */
export function issuerKey(algorithm: string = 'ES256', keyId: string = `key-${algorithm}`): IssuerKey {
  const { privateKey, publicKey } = generatePair(algorithm)
  return {
    keyId,
    algorithm,
    privateKey,
    publicKey,
    verification: { keyId, algorithm, key: publicKey },
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithm, use: 'sig' }
  }
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

function generatePair(algorithm: string): { privateKey: KeyObject; publicKey: KeyObject } {
  const namedCurve = CURVES[algorithm]
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve })
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

/** The JOSE signature over a text. @see RFC 7518 §3 */
export function signBytes(
  { algorithm, privateKey }: Pick<IssuerKey, 'algorithm' | 'privateKey'>,
  input: string
): Buffer {
  const data = Buffer.from(input)
  if (algorithm === 'EdDSA') return sign(null, data, privateKey)
  const hash = `sha${algorithm.slice(2)}`
  if (algorithm.startsWith('ES')) return sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  if (algorithm.startsWith('PS')) {
    return sign(hash, data, {
      key: privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST
    })
  }
  return sign(hash, data, privateKey)
}
