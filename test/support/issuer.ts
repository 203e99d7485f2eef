import { createHmac, generateKeyPairSync, sign, constants, type KeyObject } from 'node:crypto'
import type { KeySource, VerificationKey } from '@sallyport/security-context'

/** A key pair of a made-up issuer. */
export interface IssuerKey {
  readonly keyId: string
  readonly algorithm: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly verification: VerificationKey
  readonly jwk: Record<string, unknown>
}

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'order-service'
/** The time in every test that does not say otherwise, in seconds. */
export const NOW = 1_800_000_000
export const clock = (): number => NOW * 1000

/** Makes a key pair for an algorithm. */
export function issuerKey(algorithm: string = 'ES256', keyId: string = `key-${algorithm}`): IssuerKey {
  const { privateKey, publicKey } = pairFor(algorithm)
  return {
    keyId,
    algorithm,
    privateKey,
    publicKey,
    verification: { keyId, algorithm, key: publicKey },
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithm, use: 'sig' }
  }
}

function pairFor(algorithm: string): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'ES384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' })
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
  }
}

/** Claims of an access token that every check accepts at {@link NOW}. */
export function goodClaims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return without({
    iss: ISSUER,
    sub: 'f3f0ab10-0000-4000-8000-000000000001',
    aud: AUDIENCE,
    client_id: 'gateway',
    iat: NOW - 10,
    exp: NOW + 290,
    jti: 'token-1',
    scope: 'orders:read orders:write',
    roles: ['CUSTOMER'],
    sid: 'session-1',
    ...changes
  })
}

const without = (claims: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signs claims; a change of `undefined` leaves the member of the header out. */
export function signToken(
  key: IssuerKey,
  claims: unknown = goodClaims(),
  header: Record<string, unknown> = {}
): string {
  const input = `${encode(without({ typ: 'at+jwt', alg: key.algorithm, kid: key.keyId, ...header }))}.${encode(claims)}`
  return `${input}.${signBytes(key, input).toString('base64url')}`
}

/** The JOSE signature over a text. */
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

/** A token signed with HMAC over any bytes as key. */
export function signHmac(
  secret: string | Buffer,
  claims: unknown = goodClaims(),
  header: Record<string, unknown> = {}
): string {
  const input = `${encode(without({ typ: 'at+jwt', alg: 'HS256', ...header }))}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** A key source over a fixed set of keys that can be changed and that counts look-ups. */
export function fixedKeys(
  ...keys: readonly IssuerKey[]
): KeySource & { published: Map<string, VerificationKey>; lookups: number } {
  const published = new Map(keys.map(({ verification }) => [verification.keyId, verification]))
  return {
    published,
    lookups: 0,
    async find(keyId) {
      this.lookups++
      return published.get(keyId) ?? null
    },
    isPublished: keyId => published.has(keyId),
    ready: async () => {},
    ageMs: () => 0,
    close: async () => {}
  }
}
