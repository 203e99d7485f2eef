import { isJsonObject, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import type { KeySource } from '@sallyport/security-context'
import { DEFAULT_ALGORITHMS, demandsExtension, isSignedBy } from '../tokens/check-signature.ts'
import { decodeCanonical, parseCompactJws, type CompactJws } from '../tokens/compact-jws.ts'

/** A verified, unpacked status list of one bit per token. */
export interface VerifiedStatusList {
  readonly bits: Buffer
  readonly issuedAtSeconds: number
  /** `null` when the list does not expire. */
  readonly expiresAtSeconds: number | null
  /** How long the issuer wants it kept before it is asked for again; `null` when it does not say. */
  readonly ttlSeconds: number | null
}

/** What a status list token must say. */
export interface StatusListExpectations {
  readonly uri: string
  readonly issuer: string
  readonly keys: KeySource
  /** Largest unpacked list. */
  readonly maxBytes: number
  readonly nowSeconds: number
}

const inflateBounded = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)
const CLOCK_TOLERANCE_SECONDS = 60

/**
 * Verifies a status list token and unpacks its list.
 * @param token compact JWS as fetched from `expected.uri`
 * @throws an error saying what is wrong with it
 * @see draft-ietf-oauth-status-list §5.1, §8.3
 */
export async function readStatusList(token: string, expected: StatusListExpectations): Promise<VerifiedStatusList> {
  const jws = parseCompactJws(token)
  if (jws === null) throw new Error('not a compact JWS')
  await checkSigned(jws, token, expected.keys)
  const claims = jws.payload
  const issuer = ownMember(claims, 'iss')
  if (issuer !== undefined && issuer !== expected.issuer) throw new Error('another issuer')
  if (ownMember(claims, 'sub') !== expected.uri) throw new Error('sub is not the address of the list')
  const issuedAtSeconds = secondsClaim(claims, 'iat')
  const expiresAtSeconds = secondsClaim(claims, 'exp')
  if (issuedAtSeconds === null || issuedAtSeconds > expected.nowSeconds + CLOCK_TOLERANCE_SECONDS) {
    throw new Error('iat is missing or in the future')
  }
  if (expiresAtSeconds !== null && expiresAtSeconds <= expected.nowSeconds) throw new Error('expired')
  return {
    bits: await unpack(ownMember(claims, 'status_list'), expected.maxBytes),
    issuedAtSeconds,
    expiresAtSeconds,
    ttlSeconds: secondsClaim(claims, 'ttl')
  }
}

/**
 * The bit of one token: the least significant bit of each byte comes first.
 * @returns `null` when the list is too short to have it
 * @see draft-ietf-oauth-status-list §4.1
 */
export function statusBit(list: VerifiedStatusList, index: number): 0 | 1 | null {
  const byte = list.bits[Math.floor(index / 8)]
  if (byte === undefined) return null
  return (byte >> (index % 8)) & 1 ? 1 : 0
}

async function checkSigned(jws: CompactJws, token: string, keys: KeySource): Promise<void> {
  const { header } = jws
  const typ = ownMember(header, 'typ')
  const keyId = ownMember(header, 'kid')
  const alg = ownMember(header, 'alg')
  if (typeof typ !== 'string' || !['statuslist+jwt', 'application/statuslist+jwt'].includes(typ.toLowerCase())) {
    throw new Error('typ is not statuslist+jwt')
  }
  if (typeof alg !== 'string' || !DEFAULT_ALGORITHMS.includes(alg)) throw new Error('algorithm not allowed')
  if (demandsExtension(header)) throw new Error('critical header')
  const key = typeof keyId === 'string' ? await keys.find(keyId) : null
  if (key === null || key.algorithm !== alg) throw new Error('key not known')
  if (!isSignedBy(token, jws, key)) throw new Error('signature not valid')
}

async function unpack(list: unknown, maxBytes: number): Promise<Buffer> {
  if (!isJsonObject(list)) throw new Error('no status_list')
  if (ownMember(list, 'bits') !== 1) throw new Error('not one bit per token')
  const packed = ownMember(list, 'lst')
  const bytes = typeof packed === 'string' ? decodeCanonical(packed) : null
  if (bytes === null) throw new Error('lst is not base64url')
  // A few bytes can unpack to gigabytes: the limit is on what comes out.
  return inflateBounded(bytes, { maxOutputLength: maxBytes })
}

function secondsClaim(claims: JsonObject, name: string): number | null {
  const value = ownMember(claims, name)
  if (value === undefined) return null
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`${name} is not a number`)
  return value
}
