import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { importKeys, isSignedBy, parseCompactJws, type CompactJws } from '@sallyport/authentication'
import type { VerificationKey } from '@sallyport/security-context'
import { invalidClient } from '../../../oauth-error.ts'
import type { ClientRegistration } from '../../../store/records.ts'
import type { Verdict, VerifyingServer } from '../method.ts'

/** Algorithms of client assertions; each registered key is for one of them. */
export const ASSERTION_ALGORITHMS: ReadonlySet<string> = new Set(['ES256', 'EdDSA', 'RS256', 'PS256'])

/** Later than this no assertion may end: what has to be remembered against replay stays small. */
const LONGEST_LIFETIME_SECONDS = 300
const LONGEST_ASSERTION = 8192
const LONGEST_ASSERTION_ID = 256
/** `typ` may be left out; a JWT of another kind, such as a token or a DPoP proof, is not an assertion. */
const TYPES: readonly unknown[] = [undefined, 'JWT', 'client-authentication+jwt']

/** An assertion as sent: nothing in it has been verified. */
export interface PresentedAssertion {
  readonly token: string
  readonly jws: CompactJws
  /** `sub`: who the sender claims to be. */
  readonly clientId: string
}

/**
 * Reads whose an assertion claims to be.
 * @throws {OAuthError} `invalid_client`
 */
export function readAssertion(token: string): PresentedAssertion {
  const jws = token.length > LONGEST_ASSERTION ? null : parseCompactJws(token)
  const clientId = jws?.payload.sub
  if (
    jws === null ||
    typeof clientId !== 'string' ||
    clientId === '' ||
    clientId.length > LONGEST_ASSERTION_ID ||
    clientId.includes('\0')
  ) {
    throw invalidClient('client-assertion-malformed')
  }
  return { token, jws, clientId }
}

/**
 * Verifies an assertion against a client's registered keys. The audience is the issuer of this server and nothing else,
 * neither the token endpoint nor a list with more in it: an assertion for another server is worth nothing here.
 * @param jwks the client's, `null` for an unknown client: the signature is checked all the same, with a key of nobody
 * @see RFC 7523 §3, RFC 8725 §3; the audience as in draft-ietf-oauth-rfc7523bis
 */
export function verifyAssertion(
  { token, jws, clientId }: PresentedAssertion,
  jwks: ClientRegistration['jwks'] | null,
  server: VerifyingServer
): Verdict {
  const { header, payload } = jws
  const key = registeredKey(jwks, header)
  const signed = isSignedBy(token, jws, key ?? decoyFor(header.alg))
  if (key === null) return { refusal: 'client-assertion-key-unknown' }
  if (!signed) return { refusal: 'client-assertion-signature' }
  if (!TYPES.includes(header.typ)) return { refusal: 'client-assertion-type' }
  if (payload.iss !== clientId) return { refusal: 'client-assertion-issuer' }
  if (!isAudience(server.issuer, payload.aud)) return { refusal: 'client-assertion-audience' }
  const times = checkAssertionTimes(payload, server)
  if ('refusal' in times) return times
  const { jti } = payload
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ASSERTION_ID) {
    return { refusal: 'client-assertion-id' }
  }
  return {
    refusal: null,
    once: { issuer: `assertion:${clientId}`, jti, expiresAtMs: times.rememberUntilSeconds * 1000 }
  }
}

/** The key that `kid` names; without `kid`, the only one of the algorithm. */
function registeredKey(
  jwks: ClientRegistration['jwks'] | null,
  { kid, alg }: CompactJws['header']
): VerificationKey | null {
  if (typeof alg !== 'string' || !ASSERTION_ALGORITHMS.has(alg)) return null
  const keys = importKeys({ keys: jwks ?? [DECOY_JWK] })?.keys ?? new Map<string, VerificationKey>()
  if (jwks === null) return null
  if (typeof kid === 'string') return keys.get(kid) ?? null
  const [only, ...more] = [...keys.values()].filter(({ algorithm }) => algorithm === alg)
  return kid === undefined && only !== undefined && more.length === 0 ? only : null
}

function isAudience(issuer: string, audience: unknown): boolean {
  return audience === issuer || (Array.isArray(audience) && audience.length === 1 && audience[0] === issuer)
}

/** Until when the assertion has to be remembered, in epoch seconds, or why its times are wrong. */
function checkAssertionTimes(
  { exp, iat, nbf }: CompactJws['payload'],
  { nowMs, clockToleranceSeconds: tolerance }: VerifyingServer
): { readonly rememberUntilSeconds: number } | { readonly refusal: string } {
  const nowSeconds = nowMs / 1000
  if (typeof exp !== 'number' || exp + tolerance <= nowSeconds) return { refusal: 'client-assertion-expired' }
  if (exp > nowSeconds + LONGEST_LIFETIME_SECONDS + tolerance) return { refusal: 'client-assertion-lifetime' }
  for (const start of [iat, nbf]) {
    if (start === undefined) continue
    if (typeof start !== 'number' || start > nowSeconds + tolerance) return { refusal: 'client-assertion-early' }
  }
  return { rememberUntilSeconds: exp + tolerance }
}

/** Keys of nobody: an unknown client costs a key import and a signature check like a known one. */
const ELLIPTIC_DECOY: VerificationKey = {
  keyId: '',
  algorithm: 'ES256',
  key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
}
const DECOY_JWK = { ...ELLIPTIC_DECOY.key.export({ format: 'jwk' }), kid: 'nobody' }
const EDWARDS_DECOY: VerificationKey = { keyId: '', algorithm: 'EdDSA', key: generateKeyPairSync('ed25519').publicKey }
const RSA_DECOYS = rsaDecoys()

function decoyFor(algorithm: unknown): VerificationKey {
  if (algorithm === 'EdDSA') return EDWARDS_DECOY
  return RSA_DECOYS.get(String(algorithm)) ?? ELLIPTIC_DECOY
}

/** An odd number of 2048 bits is enough to check against; making a real key pair takes long. */
function rsaDecoys(): ReadonlyMap<string, VerificationKey> {
  const modulus = randomBytes(256)
  modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0)
  modulus.writeUInt8(modulus.readUInt8(255) | 1, 255)
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }
  return importKeys({ keys: ['RS256', 'PS256'].map(alg => ({ ...jwk, alg, kid: alg })) })?.keys ?? new Map()
}
