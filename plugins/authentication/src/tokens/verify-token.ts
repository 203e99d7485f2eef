import { forgetOldest, ownMember, type JsonObject } from '@sallyport/security-context/mechanics'
import type {
  KeySource,
  KnownCaller,
  Principal,
  StatusReference,
  StatusSource,
  VerificationKey
} from '@sallyport/security-context'
import { LRUCache } from 'lru-cache'
import { demandsExtension, isPlausibleSignature } from './check-signature.ts'
import { principalOf, statusReferenceOf, type Expectations } from './claims.ts'
import { parseCompactJws, type CompactJws } from './compact-jws.ts'
import { requireConfirmed, type ConfirmBinding } from './confirm-binding.ts'
import { InvalidTokenError, StatusUnavailableError } from '../errors.ts'
import { resolveProfile, type ResolvedProfile } from './profiles.ts'
import { readVerifierOptions, type ReadVerifierOptions, type TokenVerifierOptions } from './verifier-options.ts'

/** Verifies access tokens of one issuer for one audience. */
export interface TokenVerifier {
  /**
   * @param token the token as received
   * @param confirm asked when the token is bound to a key; left out, a bound token is refused
   * @param source says who sent it, as `sourceOf` names it, to a verifier that asks somebody; left out, it asks without
   * limits
   * @returns who it stands for
   * @throws {InvalidTokenError} `SALLYPORT_AUTHENTICATION_TOKEN_INVALID` (401), with the reason in `reason`
   * @throws {KeysUnavailableError} `SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE` (503)
   * @throws {StatusUnavailableError} `SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE` (503)
   */
  readonly verify: (token: string, confirm?: ConfirmBinding, source?: () => string) => Promise<Principal>
  /**
   * The caller of a token that was verified before, when it is accepted still: it has not expired, its key is
   * published, it is not revoked. Left out by a verifier that remembers nothing.
   * @param binding `confirmed` by a caller of `verify` that has seen what the token is bound to be proved for this very
   * request; left out, a bound token is not recalled
   * @returns `null` when `verify` has to be asked
   */
  readonly recall?: (token: string, binding?: 'confirmed') => KnownCaller | null
}

/** What the shared-secret mode needs otherwise; not for asymmetric keys. */
export interface VerifierInternals {
  /** `none`: tokens may come without `kid`, because there is exactly one key. */
  readonly keyId: 'required' | 'none'
}

/** Larger tokens are refused before anything in them is looked at. */
const MAX_JWT_BYTES = 8192
const MAX_KEY_ID_LENGTH = 256

interface RememberedToken extends KnownCaller {
  readonly keyId: string
  readonly status: StatusReference | null
  readonly expiresAtMs: number
  /** Bound to a key: each request has to prove it. */
  readonly isBound: boolean
}

/**
 * A verifier of JWT access tokens. A token verified before costs a look-up: its expiry, whether its key is still
 * published, and its revocation bit; never another signature check.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake
 * @see RFC 9068 §4, RFC 8725 §3
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  return verifierOf(readVerifierOptions(options), { keyId: 'required' })
}

/** {@link createTokenVerifier} without the check of the options. */
export function verifierOf(options: ReadVerifierOptions, internals: VerifierInternals): TokenVerifier {
  const { keys, status, clock, checkSignature, cacheSize, clockToleranceSeconds } = options
  const algorithms: ReadonlySet<string> = new Set(options.algorithms)
  const profile = resolveProfile(options.profile, options.audience)
  const expected: Expectations = {
    issuer: options.issuer,
    audience: options.audience,
    profile,
    clockToleranceSeconds
  }
  const acceptUnchecked = options.statusUnavailable === 'accept-unchecked'
  // Keyed by the whole token: nothing shorter can be relied on to name one token only (GHSA-rp9m-7r4c-75qg).
  const verified = cacheSize > 0 ? new LRUCache<string, RememberedToken>({ max: cacheSize }) : null

  async function verify(token: string, confirm?: ConfirmBinding): Promise<Principal> {
    const known = recall(token, 'confirmed')
    return known === null ? await verifyAnew(token, confirm) : await requireConfirmed(known.principal, confirm)
  }

  function recall(token: string, binding?: 'confirmed'): KnownCaller | null {
    const known = verified?.get(token)
    if (known === undefined || (known.isBound && binding === undefined) || !isStillGood(known)) return null
    return known
  }

  function isStillGood(known: RememberedToken): boolean {
    if (clock() >= known.expiresAtMs || !keys.isPublished(known.keyId)) return false
    if (known.status === null || status === undefined) return true
    const answer = status.check(known.status)
    return answer === 'valid' || (answer === 'unavailable' && acceptUnchecked)
  }

  async function verifyAnew(token: string, confirm: ConfirmBinding | undefined): Promise<Principal> {
    verified?.delete(token)
    const jws = parseToken(token)
    const key = await findKey(keys, checkHeader(jws.header, algorithms, profile, internals))
    if (key.algorithm !== ownMember(jws.header, 'alg')) throw new InvalidTokenError('key-algorithm-mismatch')
    if (!isPlausibleSignature(jws.signature, key) || !checkSignature({ ...jws, token, key })) {
      throw new InvalidTokenError('signature-invalid')
    }
    const principal = principalOf(jws.payload, expected, clock() / 1000)
    const reference = statusReferenceOf(jws.payload)
    if (reference !== null && status !== undefined) await checkStatus(status, reference, acceptUnchecked)
    const expiresAtMs = ((principal.expiresAtSeconds ?? 0) + expected.clockToleranceSeconds) * 1000
    if (verified !== null) {
      const isBound = Object.hasOwn(principal.claims, 'cnf')
      verified.set(token, { principal, accessToken: token, keyId: key.keyId, status: reference, expiresAtMs, isBound })
      forgetOldest(verified, other => clock() >= other.expiresAtMs)
    }
    return await requireConfirmed(principal, confirm)
  }

  return { verify, recall }
}

/** The parts of a token of acceptable size and shape. */
function parseToken(token: string): CompactJws {
  if (token.length > MAX_JWT_BYTES) throw new InvalidTokenError('token-too-large')
  const jws = parseCompactJws(token)
  if (jws === null) throw new InvalidTokenError('token-malformed')
  return jws
}

/**
 * Checks the header. `jku`, `jwk`, `x5u` and `x5c` are never looked at: keys come from the key source only.
 * @returns the key id
 * @see RFC 8725 §3.1, §3.10, §3.11, RFC 7515 §4.1.11
 */
function checkHeader(
  header: JsonObject,
  algorithms: ReadonlySet<string>,
  profile: Pick<ResolvedProfile, 'typ'>,
  internals: VerifierInternals
): string {
  const typ = ownMember(header, 'typ')
  const fits =
    profile.typ === null ? typ === undefined : typeof typ === 'string' && profile.typ.has(withoutApplication(typ))
  if (!fits) {
    throw new InvalidTokenError('token-type-mismatch')
  }
  const alg = ownMember(header, 'alg')
  if (typeof alg !== 'string' || !algorithms.has(alg)) throw new InvalidTokenError('algorithm-not-allowed')
  if (demandsExtension(header)) throw new InvalidTokenError('critical-header-unknown')
  const keyId = ownMember(header, 'kid')
  if (internals.keyId === 'none' && keyId === undefined) return ''
  if (typeof keyId !== 'string' || keyId === '' || keyId.length > MAX_KEY_ID_LENGTH) {
    throw new InvalidTokenError('key-unknown')
  }
  return keyId
}

async function findKey(keys: KeySource, keyId: string): Promise<VerificationKey> {
  const key = await keys.find(keyId)
  if (key === null) throw new InvalidTokenError('key-unknown')
  return key
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
