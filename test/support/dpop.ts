import { createHash, randomUUID } from 'node:crypto'
import { encode, issuerKey, signBytes, type IssuerKey } from './issuer.ts'

/** A key that makes DPoP proofs. */
export interface DpopKey extends IssuerKey {
  readonly publicJwk: Record<string, unknown>
  /** `jkt`. */
  readonly thumbprint: string
}

export function dpopKey(algorithm = 'ES256'): DpopKey {
  const key = issuerKey(algorithm)
  const publicJwk = key.publicKey.export({ format: 'jwk' }) as Record<string, unknown>
  // RFC 7638 §3: required members only, in lexicographic order.
  const members = ['crv', 'e', 'kty', 'n', 'x', 'y'].flatMap(name =>
    publicJwk[name] === undefined ? [] : [[name, publicJwk[name]]]
  )
  return {
    ...key,
    publicJwk,
    thumbprint: createHash('sha256')
      .update(JSON.stringify(Object.fromEntries(members)))
      .digest('base64url')
  }
}

export const hashOfToken = (token: string): string => createHash('sha256').update(token).digest('base64url')

/** A proof; a member of claims or header that is `undefined` is left out. */
export function dpopProof(key: DpopKey, claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  const input = [
    { typ: 'dpop+jwt', alg: key.algorithm, jwk: key.publicJwk, ...header },
    { jti: randomUUID(), ...claims }
  ]
    .map(part => encode(Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined))))
    .join('.')
  return `${input}.${signBytes(key, input).toString('base64url')}`
}
