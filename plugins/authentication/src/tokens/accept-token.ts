import { ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import type { KeySource, Principal, StatusReference, StatusSource, VerificationKey } from '@sallyport/security-context'
import { demandsExtension, isPlausibleSignature, type SignatureCheck } from './check-signature.ts'
import { principalOf, statusReferenceOf } from './claims.ts'
import { parseCompactJws, type CompactJws } from './compact-jws.ts'
import { InvalidTokenError, StatusUnavailableError } from '../errors.ts'
import type { IssuerTrust } from './issuer-trust.ts'
import { UNWATCHED, type CheckPassed } from './token-checks.ts'

/** What tokens are held against. */
export interface TokenTrust {
  /** By `iss`; one at least. */
  readonly issuers: ReadonlyMap<string, IssuerTrust>
  readonly checkSignature: SignatureCheck
  /** `none`: tokens may come without `kid`, because there is exactly one key. */
  readonly keyId: 'required' | 'none'
}

/** A token that passed every check but that of its binding, which is for each request. */
export interface AcceptedToken {
  readonly principal: Principal
  readonly trust: IssuerTrust
  readonly keyId: string
  readonly status: StatusReference | null
}

/** Larger tokens are refused before anything in them is looked at. */
const MAX_JWT_BYTES = 8192
const MAX_KEY_ID_LENGTH = 256

/**
 * Runs the checks of a token one after the other, all but its binding.
 * @param nowSeconds the time, in seconds since 1970
 * @param passed told of each check that the token has passed
 * @throws {InvalidTokenError} with the first reason found; {KeysUnavailableError}, {StatusUnavailableError}
 * @see RFC 9068 §4, RFC 8725 §3
 */
export async function acceptToken(
  token: string,
  trusted: TokenTrust,
  nowSeconds: number,
  passed: CheckPassed = UNWATCHED
): Promise<AcceptedToken> {
  if (token.length > MAX_JWT_BYTES) throw new InvalidTokenError('token-too-large')
  passed('size')
  const jws = parseCompactJws(token)
  if (jws === null) throw new InvalidTokenError('token-malformed')
  passed('form')
  const trust = trustOf(jws.payload, trusted.issuers)
  passed('issuer-known')
  const keyId = checkHeader(jws.header, trust, trusted.keyId, passed)
  await checkTokenSignature(token, jws, { keyId, keys: trust.keys, checkSignature: trusted.checkSignature }, passed)
  const principal = principalOf(jws.payload, trust, nowSeconds, passed)
  const status = statusReferenceOf(jws.payload)
  if (status !== null && trust.status !== undefined) await checkStatus(trust.status, status, trust.acceptUnchecked)
  passed('status')
  return { principal, trust, keyId, status }
}

/**
 * What is trusted of the issuer that the token names. The name selects among what is configured and nothing else: no
 * address is made of it. A single issuer is not looked up, so that its refusals are what they are without others.
 */
function trustOf(claims: JsonObject, issuers: ReadonlyMap<string, IssuerTrust>): IssuerTrust {
  const [only] = issuers.values()
  if (issuers.size === 1 && only !== undefined) return only
  const issuer = ownMember(claims, 'iss')
  const trust = typeof issuer === 'string' ? issuers.get(issuer) : undefined
  if (trust === undefined) throw new InvalidTokenError('issuer-mismatch')
  return trust
}

/**
 * Checks the header. `jku`, `jwk`, `x5u` and `x5c` are never looked at: keys come from the key source only.
 * @returns the key id
 * @see RFC 8725 §3.1, §3.10, §3.11, RFC 7515 §4.1.11
 */
function checkHeader(
  header: JsonObject,
  { algorithms, profile }: IssuerTrust,
  required: TokenTrust['keyId'],
  passed: CheckPassed
): string {
  const typ = ownMember(header, 'typ')
  const fits =
    typ === undefined ? profile.mayOmitTyp : typeof typ === 'string' && profile.typ.has(withoutApplication(typ))
  if (!fits) throw new InvalidTokenError('token-type-mismatch')
  passed('type')
  const alg = ownMember(header, 'alg')
  if (typeof alg !== 'string' || !algorithms.has(alg)) throw new InvalidTokenError('algorithm-not-allowed')
  passed('algorithm')
  if (demandsExtension(header)) throw new InvalidTokenError('critical-header-unknown')
  passed('extensions')
  const keyId = ownMember(header, 'kid')
  if (required === 'none' && keyId === undefined) return ''
  if (typeof keyId !== 'string' || keyId === '' || keyId.length > MAX_KEY_ID_LENGTH) {
    throw new InvalidTokenError('key-unknown')
  }
  return keyId
}

/** What a signature is checked with. */
interface SignatureTools {
  readonly keyId: string
  readonly keys: KeySource
  readonly checkSignature: SignatureCheck
}

async function checkTokenSignature(
  token: string,
  jws: CompactJws,
  { keyId, keys, checkSignature }: SignatureTools,
  passed: CheckPassed
): Promise<void> {
  const key: VerificationKey | null = await keys.find(keyId)
  if (key === null) throw new InvalidTokenError('key-unknown')
  passed('key')
  if (key.algorithm !== ownMember(jws.header, 'alg')) throw new InvalidTokenError('key-algorithm-mismatch')
  passed('key-algorithm')
  if (!isPlausibleSignature(jws.signature, key) || !checkSignature({ ...jws, token, key })) {
    throw new InvalidTokenError('signature-invalid')
  }
  passed('signature')
}

async function checkStatus(status: StatusSource, reference: StatusReference, acceptUnchecked: boolean): Promise<void> {
  await status.follow(reference)
  const answer = status.check(reference)
  if (answer === 'revoked') throw new InvalidTokenError('token-revoked')
  if (answer === 'unavailable' && !acceptUnchecked) throw new StatusUnavailableError()
}

/** `application/at+jwt` and `at+jwt` are the same media type. @see RFC 7515 §4.1.9 */
function withoutApplication(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}
