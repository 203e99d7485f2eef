import { forgetOldest, type Clock } from '@sallyport/security-context/mechanics'
import type { KnownCaller, Principal } from '@sallyport/security-context'
import { LRUCache } from 'lru-cache'
import { acceptToken, type AcceptedToken, type TokenTrust } from './accept-token.ts'
import { requireConfirmed, type ConfirmBinding } from './confirm-binding.ts'
import { issuerTrust } from './issuer-trust.ts'
import {
  readIssuersVerifierOptions,
  readVerifierOptions,
  type IssuersVerifierOptions,
  type ReadIssuersVerifier,
  type TokenVerifierOptions
} from './verifier-options.ts'

/** Verifies access tokens of the issuers that it trusts. */
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
  /** The issuers that are trusted; left out by a verifier that keeps that to itself. */
  readonly issuers?: readonly string[]
}

interface RememberedToken extends KnownCaller, Pick<AcceptedToken, 'trust' | 'keyId' | 'status'> {
  readonly expiresAtMs: number
  /** Bound to a key: each request has to prove it. */
  readonly isBound: boolean
}

/** What a verifier remembers, and by which clock it forgets. */
interface VerifierMemory {
  readonly clock: Clock
  readonly cacheSize: number
}

/**
 * A verifier of JWT access tokens of one issuer. A token verified before costs a look-up: its expiry, whether its key
 * is still published, and its revocation bit; never another signature check.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake
 * @see RFC 9068 §4, RFC 8725 §3
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const read = readVerifierOptions(options)
  const issuers = new Map([[read.issuer, issuerTrust(read, true)]])
  return verifierOf({ issuers, checkSignature: read.checkSignature, keyId: 'required' }, read)
}

/**
 * A verifier of the access tokens of several issuers: `iss` selects the issuer among those that are configured, and
 * everything else is checked as that issuer's. Identity is issuer and subject together.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`, naming every mistake
 * @see RFC 8725 §3.8
 */
export function createIssuersVerifier(options: IssuersVerifierOptions): TokenVerifier {
  const read = readIssuersVerifierOptions(options)
  return verifierOf(tokenTrust(read), read)
}

/** What the tokens of these issuers are held against. */
export function tokenTrust({ issuers, checkSignature }: ReadIssuersVerifier): TokenTrust {
  const isOnlyIssuer = issuers.length === 1
  const trusted = new Map(issuers.map(each => [each.issuer, issuerTrust(each, isOnlyIssuer)]))
  return { issuers: trusted, checkSignature, keyId: 'required' }
}

/** A verifier of tokens that fulfil `trusted`, whose options have been checked. */
export function verifierOf(trusted: TokenTrust, { clock, cacheSize }: VerifierMemory): TokenVerifier {
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

  function isStillGood({ trust: { keys, status, acceptUnchecked }, ...known }: RememberedToken): boolean {
    if (clock() >= known.expiresAtMs || !keys.isPublished(known.keyId)) return false
    if (known.status === null || status === undefined) return true
    const answer = status.check(known.status)
    return answer === 'valid' || (answer === 'unavailable' && acceptUnchecked)
  }

  async function verifyAnew(token: string, confirm: ConfirmBinding | undefined): Promise<Principal> {
    verified?.delete(token)
    const accepted = await acceptToken(token, trusted, clock() / 1000)
    if (verified !== null) remember(verified, token, accepted)
    return await requireConfirmed(accepted.principal, confirm)
  }

  function remember(memory: LRUCache<string, RememberedToken>, token: string, accepted: AcceptedToken): void {
    const { principal, trust } = accepted
    const expiresAtMs = ((principal.expiresAtSeconds ?? 0) + trust.clockToleranceSeconds) * 1000
    const isBound = Object.hasOwn(principal.claims, 'cnf')
    memory.set(token, { ...accepted, accessToken: token, expiresAtMs, isBound })
    forgetOldest(memory, other => clock() >= other.expiresAtMs)
  }

  return { verify, recall, issuers: Object.freeze([...trusted.issuers.keys()]) }
}
