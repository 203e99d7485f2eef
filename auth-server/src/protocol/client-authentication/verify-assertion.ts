import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { importKeys, isSignedBy, parseCompactJws, type CompactJws } from '@sallyport/authentication'
import type { VerificationKey } from '@sallyport/security-context'
import { invalidClient } from '../../oauth-error.ts'
import type { ClientProof } from '../../store/records.ts'

/** Algorithms of client assertions; each registered key is for one of them. */
export const ASSERTION_ALGORITHMS: ReadonlySet<string> = new Set(['ES256', 'EdDSA', 'RS256', 'PS256'])

/** Later than this no assertion may end: what has to be remembered against replay stays small. */
const LONGEST_LIFETIME_SECONDS = 300
const LONGEST_ASSERTION = 8192
const LONGEST_ID = 256
/** `typ` may be left out; a JWT of another kind, such as a token or a DPoP proof, is not an assertion. */
const TYPES: readonly unknown[] = [undefined, 'JWT', 'client-authentication+jwt']

/** An assertion as sent: nothing in it has been verified. */
export interface PresentedAssertion {
  readonly token: string
  readonly jws: CompactJws
  /** `sub`, which is who the sender says to be. */
  readonly clientId: string
}

/** What an assertion has to be for, and when. */
export interface AssertionExpectations {
  readonly issuer: string
  readonly nowMs: number
  /** Allowed difference between the client's clock and this one. */
  readonly clockToleranceSeconds: number
}

/** What of a verified assertion has to be remembered. */
export interface AssertionId {
  readonly jti: string
  readonly expiresAtMs: number
}

/**
 * Reads who an assertion is of.
 * @throws {OAuthError} `invalid_client`
 */
export function readAssertion(token: string): PresentedAssertion {
  const jws = token.length > LONGEST_ASSERTION ? null : parseCompactJws(token)
  const clientId = jws?.payload.sub
  if (
    jws === null ||
    typeof clientId !== 'string' ||
    clientId === '' ||
    clientId.length > LONGEST_ID ||
    clientId.includes('\0')
  ) {
    throw invalidClient('client-assertion-malformed')
  }
  return { token, jws, clientId }
}

/**
 * Verifies an assertion against a client's registered keys. The audience is the issuer of this server and nothing else,
 * neither the token endpoint nor a list with more in it: an assertion for another server is worth nothing here.
 * @param proof the client's, `null` for an unknown client: the signature is checked all the same, with a key of nobody
 * @throws {OAuthError} `invalid_client`
 * @see RFC 7523 §3, RFC 8725 §3; the audience as in draft-ietf-oauth-rfc7523bis
 */
export function verifyAssertion(
  { token, jws, clientId }: PresentedAssertion,
  proof: ClientProof | null,
  here: AssertionExpectations
): AssertionId {
  const { header, payload } = jws
  const key = keyOf(proof, header)
  const signed = isSignedBy(token, jws, key ?? decoyFor(header.alg))
  if (key === null) throw invalidClient('client-assertion-key-unknown')
  if (!signed) throw invalidClient('client-assertion-signature')
  if (!TYPES.includes(header.typ)) throw invalidClient('client-assertion-type')
  if (payload.iss !== clientId) throw invalidClient('client-assertion-issuer')
  if (!isFor(here.issuer, payload.aud)) throw invalidClient('client-assertion-audience')
  const expiresAtMs = checkTimes(payload, here) * 1000
  const { jti } = payload
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID) throw invalidClient('client-assertion-id')
  return { jti, expiresAtMs }
}

/** The key that `kid` names; without `kid`, the only one of the algorithm. */
function keyOf(proof: ClientProof | null, { kid, alg }: CompactJws['header']): VerificationKey | null {
  if (typeof alg !== 'string' || !ASSERTION_ALGORITHMS.has(alg)) return null
  const keys =
    importKeys({ keys: proof === null ? [DECOY_JWK] : proof.jwks })?.keys ?? new Map<string, VerificationKey>()
  if (proof === null) return null
  if (typeof kid === 'string') return keys.get(kid) ?? null
  const [only, ...more] = [...keys.values()].filter(({ algorithm }) => algorithm === alg)
  return kid === undefined && only !== undefined && more.length === 0 ? only : null
}

function isFor(issuer: string, audience: unknown): boolean {
  return audience === issuer || (Array.isArray(audience) && audience.length === 1 && audience[0] === issuer)
}

/** @returns when nobody needs to remember the assertion any more, in epoch seconds */
function checkTimes(
  { exp, iat, nbf }: CompactJws['payload'],
  { nowMs, clockToleranceSeconds: tolerance }: AssertionExpectations
): number {
  const nowSeconds = nowMs / 1000
  if (typeof exp !== 'number' || exp + tolerance <= nowSeconds) throw invalidClient('client-assertion-expired')
  if (exp > nowSeconds + LONGEST_LIFETIME_SECONDS + tolerance) throw invalidClient('client-assertion-lifetime')
  for (const start of [iat, nbf]) {
    if (start === undefined) continue
    if (typeof start !== 'number' || start > nowSeconds + tolerance) throw invalidClient('client-assertion-early')
  }
  return exp + tolerance
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

/** An odd number of 2048 bits is enough to check against; a real key pair would take long to make. */
function rsaDecoys(): ReadonlyMap<string, VerificationKey> {
  const modulus = randomBytes(256)
  modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0)
  modulus.writeUInt8(modulus.readUInt8(255) | 1, 255)
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }
  return importKeys({ keys: ['RS256', 'PS256'].map(alg => ({ ...jwk, alg, kid: alg })) })?.keys ?? new Map()
}
