import { isJsonObject, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { VerificationKey } from '@sallyport/security-context'
import { decodeCanonical } from './compact-jws.ts'
import { keyMistake, signatureAlgorithm } from './check-signature.ts'

/** A key of the document that is not used, and why. */
export interface IgnoredKey {
  readonly keyId: string | null
  readonly reason: string
}

/** The usable keys of a JWKS document by key id, and what was left out. */
export interface ImportedKeys {
  readonly keys: ReadonlyMap<string, VerificationKey>
  readonly ignored: readonly IgnoredKey[]
}

/** More keys than any issuer publishes: importing one costs CPU. */
const MAX_KEYS = 100

/**
 * The public members of each key type; nothing else of a JWK is looked at, so certificates and URLs in it are inert.
 */
const PUBLIC_MEMBERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['EC', ['x', 'y']],
  ['RSA', ['n', 'e']],
  ['OKP', ['x']]
])

/** A tenant of Microsoft Entra ID. */
const TENANT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** What a key is for when it does not say: the usual algorithm of its type. */
const IMPLIED_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['EC P-256', 'ES256'],
  ['EC P-384', 'ES384'],
  ['EC P-521', 'ES512'],
  ['OKP Ed25519', 'EdDSA'],
  ['RSA', 'RS256']
])

/** Odd primes that divide the primorial of the flawed generator for every key length. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167
]

const POWERS: ReadonlyArray<readonly [prime: bigint, powers: ReadonlySet<number>]> = PRIMES.map(prime => [
  BigInt(prime),
  powersOf65537(prime)
])

/**
 * The verification keys of a JWKS document. A key that is weak, malformed, not public, not for signatures, or whose id
 * is not its own is left out; it never makes the others unusable.
 * @param issuer whose keys are wanted: a key that says that it is another issuer's is left out too
 * @returns `null` when the document is no JWKS
 * @see RFC 7517 §5, RFC 8725 §3.5
 */
export function importKeys(document: JsonObject | null, issuer: string | null = null): ImportedKeys | null {
  const entries = document === null ? undefined : ownMember(document, 'keys')
  if (!Array.isArray(entries) || entries.length > MAX_KEYS) return null
  const keys = new Map<string, VerificationKey>()
  const ambiguous = new Set<string>()
  const ignored: IgnoredKey[] = []
  for (const entry of entries) {
    const result = importKey(entry, issuer)
    if ('reason' in result) ignored.push(result)
    else if (keys.has(result.keyId)) ambiguous.add(result.keyId)
    else keys.set(result.keyId, result)
  }
  for (const keyId of ambiguous) {
    // Which of the two is meant cannot be known, so neither is believed.
    keys.delete(keyId)
    ignored.push({ keyId, reason: 'key id is not unique' })
  }
  return { keys, ignored }
}

function importKey(entry: unknown, issuer: string | null): VerificationKey | IgnoredKey {
  if (!isJsonObject(entry)) return { keyId: null, reason: 'not an object' }
  const keyId = ownMember(entry, 'kid')
  if (typeof keyId !== 'string' || keyId === '') return { keyId: null, reason: 'no key id' }
  const kind = kindMistake(entry)
  if (kind !== null) return { keyId, reason: kind }
  if (issuer !== null && isOtherIssuers(entry, issuer)) return { keyId, reason: 'key of another issuer' }
  const algorithm = signatureAlgorithm(String(ownMember(entry, 'alg') ?? IMPLIED_ALGORITHMS.get(typeOf(entry))))
  if (algorithm === null) return { keyId, reason: 'algorithm not known' }
  const key = publicKeyOf(entry)
  if (key === null) return { keyId, reason: 'not a valid public key' }
  const mistake = keyMistake(algorithm, key) ?? modulusMistake(entry)
  return mistake === null ? { keyId, algorithm: algorithm.name, key } : { keyId, reason: mistake }
}

/**
 * A public key that came with what it signed, as only DPoP proofs do; `null` when it is weak, malformed, private or not
 * for this algorithm.
 * @see RFC 9449 §4.2
 */
export function importPublicJwk(jwk: JsonObject, algorithm: string): KeyObject | null {
  const wanted = signatureAlgorithm(algorithm)
  const key = wanted === null || kindMistake(jwk) !== null ? null : publicKeyOf(jwk)
  if (wanted === null || key === null) return null
  return (keyMistake(wanted, key) ?? modulusMistake(jwk)) === null ? key : null
}

/** Why this entry is not a public signature key at all. */
function kindMistake(entry: JsonObject): string | null {
  const use = ownMember(entry, 'use')
  const operations = ownMember(entry, 'key_ops')
  if (!PUBLIC_MEMBERS.has(String(ownMember(entry, 'kty')))) return 'not an asymmetric key'
  if (PRIVATE_MEMBERS.some(name => Object.hasOwn(entry, name))) return 'private key published'
  if (use !== undefined && use !== 'sig') return 'not for signatures'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'not for verification'
  }
  return null
}

/**
 * Microsoft Entra ID publishes the keys of several issuers in one document and says in each whose it is, with
 * `{tenantid}` for any tenant's.
 */
function isOtherIssuers(entry: JsonObject, issuer: string): boolean {
  const named = ownMember(entry, 'issuer')
  if (named === undefined) return false
  if (typeof named !== 'string') return true
  const [before = '', after] = named.split('{tenantid}')
  if (after === undefined) return named !== issuer
  const tenant = issuer.slice(before.length, issuer.length - after.length)
  return `${before}${tenant}${after}` !== issuer || !TENANT_ID.test(tenant)
}

function modulusMistake(entry: JsonObject): string | null {
  const modulus = ownMember(entry, 'n')
  return typeof modulus === 'string' && isRocaModulus(Buffer.from(modulus, 'base64url'))
    ? 'RSA modulus of a flawed generator'
    : null
}

function typeOf(entry: JsonObject): string {
  const type = String(ownMember(entry, 'kty'))
  return type === 'RSA' ? type : `${type} ${String(ownMember(entry, 'crv'))}`
}

/** node:crypto refuses points that are not on the curve. */
function publicKeyOf(entry: JsonObject): KeyObject | null {
  const kty = String(ownMember(entry, 'kty'))
  const key: Record<string, string> = { kty }
  for (const name of PUBLIC_MEMBERS.get(kty) ?? []) {
    const value = ownMember(entry, name)
    if (typeof value !== 'string' || decodeCanonical(value) === null) return null
    key[name] = value
  }
  const curve = ownMember(entry, 'crv')
  if (typeof curve === 'string') key['crv'] = curve
  try {
    const input: JsonWebKeyInput = { key, format: 'jwk' }
    return createPublicKey(input)
  } catch {
    return null
  }
}

/**
 * Whether an RSA modulus has the fingerprint of the flawed Infineon key generator, whose keys can be factored: modulo
 * each small prime it is a power of 65537. A sound modulus has it with a chance of about one in a hundred million.
 * @param modulus the JWK's `n`
 * @see CVE-2017-15361
 */
function isRocaModulus(modulus: Uint8Array): boolean {
  const n = BigInt(`0x${Buffer.from(modulus).toString('hex') || '0'}`)
  return POWERS.every(([prime, powers]) => powers.has(Number(n % prime)))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}
