import { createSecretKey } from 'node:crypto'
import type { VerificationKey } from '@sallyport/security-context'
import { importKeys } from '@sallyport/authentication'
import {
  isPlausibleSignature,
  type SignatureCheck
} from '../../../../plugins/authentication/src/tokens/check-signature.ts'
import { splitCompactJws } from '../../../../plugins/authentication/src/tokens/compact-jws.ts'
import { parseJsonObject } from '@sallyport/security-context/mechanics'

export type Jwk = Record<string, unknown>

const PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi'])
const publicPart = (jwk: Jwk): Jwk => Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE.has(name)))

/** The keys of a key set as our key import sees them; symmetric keys only as the shared-secret mode would take them. */
export function keysOf(jwks: Jwk[]): VerificationKey[] {
  const withIds: Jwk[] = jwks.map(jwk => ({ kid: 'the only key', ...publicPart(jwk) }))
  const imported = importKeys({ keys: withIds })
  const secrets = withIds.filter(
    jwk => jwk['kty'] === 'oct' && jwk['alg'] === 'HS256' && (jwk['use'] ?? 'sig') === 'sig'
  )
  const asymmetric = [...(imported?.keys.values() ?? [])]
  // Never mixed, and never two: the shared-secret mode knows one secret.
  if (asymmetric.length > 0 || secrets.length !== 1) return asymmetric
  return secrets.map(jwk => ({
    keyId: String(jwk['kid']),
    algorithm: 'HS256',
    key: createSecretKey(Buffer.from(String(jwk['k']), 'base64url'))
  }))
}

/**
 * The steps of token verification up to the signature, without the claims: the payloads of vectors are no claim sets.
 */
export function accepts(token: string, keys: VerificationKey[], check: SignatureCheck): boolean {
  const jws = splitCompactJws(token)
  const header = jws === null ? null : parseJsonObject(jws.header)
  if (jws === null || header === null || Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return false
  const key = keys.find(({ keyId }) => keyId === (header['kid'] ?? keys[0]?.keyId))
  if (key === undefined || header['alg'] !== key.algorithm) return false
  const { signature, signingInput } = jws
  return isPlausibleSignature(signature, key) && check({ token, signingInput, signature, key })
}
