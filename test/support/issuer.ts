import { createHmac } from 'node:crypto'
import type { KeySource, VerificationKey } from '@sallyport/security-context'
import { encodeTokenPart as encode, frozenClock, signToken as signClaims, type IssuerKey } from '@sallyport/testing'

export { encodeTokenPart as encode, issuerKey, signBytes, type IssuerKey } from '@sallyport/testing'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'order-service'
/** The time in every test that does not say otherwise, in seconds. */
export const NOW = 1_800_000_000
export const clock = frozenClock(NOW * 1000)

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

/** Signs claims; a change of `undefined` leaves the member of the header out. */
export function signToken(
  key: IssuerKey,
  claims: unknown = goodClaims(),
  header: Record<string, unknown> = {}
): string {
  return signClaims(key, claims, header)
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
