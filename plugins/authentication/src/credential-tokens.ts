import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { EndUserConnection, KnownCaller, TokenClient, TokenSet } from '@sallyport/security-context'
import type { FastifyError } from 'fastify'
import { LRUCache } from 'lru-cache'
import { hasTokenCode, isOutage } from './failure-kinds.ts'
import { tokenRequestFailure } from './token-request-failure.ts'
import { endsSoon, recallToken, verifyFresh, verifyOrNull, type VerifiedToken } from './tokens/verified-token.ts'
import type { TokenVerifier } from './tokens/verify-token.ts'
import { createRevoker } from './revoke-tokens.ts'

/** How a credential becomes tokens, and how many of them are kept. */
export interface CredentialTokensOptions<Credential> {
  readonly tokenClient: Pick<TokenClient, 'refresh' | 'revoke'>
  /** The texts that make a credential this one and no other; they are hashed and never kept. */
  readonly partsOf: (credential: Credential) => readonly string[]
  /** Asks the authorization server; rejects with `SALLYPORT_TOKEN_REJECTED` for a credential that is not good. */
  readonly logIn: (credential: Credential, connection: EndUserConnection) => Promise<TokenSet>
  /** The error for a credential that is not good, a new one each time. */
  readonly refuse: (cause?: unknown) => FastifyError
  /**
   * A token is refreshed this long before it expires, and no sooner than in the last third of its life.
   * @default 30
   */
  readonly refreshAheadSeconds?: number
  /**
   * Credentials whose tokens are kept; past it the least recently used is dropped and its refresh token revoked.
   * @default 10_000
   */
  readonly maxCredentials?: number
  /**
   * How long a rejected credential is refused without asking the server again.
   * @default 5000
   */
  readonly rejectedTtlMs?: number
  /**
   * Rejected credentials remembered at most.
   * @default 10_000
   */
  readonly maxRejected?: number
  /**
   * How long `drain` may take to revoke the refresh tokens.
   * @default 3000
   */
  readonly drainTimeoutMs?: number
  /** The time in ms since 1970. Default `Date.now`. */
  readonly clock?: () => number
}

/** Tokens for credentials of one kind: fetched once, kept, refreshed. */
export interface CredentialTokens<Credential> {
  /**
   * A verified access token for the credential.
   * @throws the error of `refuse`, `SALLYPORT_AUTHENTICATION_THROTTLED` (429), `…_SERVER_UNAVAILABLE` (503), or what
   * the verifier throws (503)
   */
  readonly obtain: (credential: Credential, connection: EndUserConnection) => Promise<VerifiedToken>
  /**
   * What `obtain` would answer, at once: the caller of a token that is held, known to the verifier and not due for a
   * refresh. `null` when `obtain` has to be asked.
   */
  readonly recall: (credential: Credential) => KnownCaller | null
  /** Another token than this one, which the issuer refuses; throws as `obtain`. */
  readonly replace: (
    refusedToken: string,
    credential: Credential,
    connection: EndUserConnection
  ) => Promise<VerifiedToken>
  /** Revokes the refresh tokens that are held; ends in bounded time and never rejects. */
  readonly drain: () => Promise<void>
}

/** After an outage, tokens that are still good are used for this long without trying to refresh them ahead. */
const REFRESH_AHEAD_PAUSE_MS = 5000

/**
 * Keeps tokens by an HMAC of the credential under a key that lives as long as the process: neither a heap dump's keys
 * nor a log of them helps to guess passwords elsewhere.
 *
 * The credential goes to the server only when there is no token or when the refresh token is rejected; so a password
 * changed elsewhere takes effect here as soon as its revocation is visible to the verifier. Basic is one user; a
 * strategy of your own for another kind of credential is the next.
 * @param verifier verifies the tokens that the server issues: `fastify.tokenVerifier`
 */
export function createCredentialTokens<Credential>(
  options: CredentialTokensOptions<Credential>,
  verifier: TokenVerifier
): CredentialTokens<Credential> {
  const { tokenClient, partsOf, logIn, refuse, clock = Date.now } = options
  const { refreshAheadSeconds = 30, rejectedTtlMs = 5000, drainTimeoutMs = 3000 } = options
  const macKey = createSecretKey(randomBytes(32))
  const revoker = createRevoker(tokenClient)
  const rejectedUntilMs = new LRUCache<string, number>({ max: options.maxRejected ?? 10_000 })
  const flights = new Map<string, Promise<VerifiedToken>>()
  let refreshAheadFromMs = 0
  const held = new LRUCache<string, TokenSet>({
    max: options.maxCredentials ?? 10_000,
    dispose: (tokens, _key, reason) => {
      if (reason === 'evict') revoker.revoke(tokens)
    }
  })

  /** Each part with its length in front: no two credentials have one key. */
  function keyOfCredential(credential: Credential): string {
    const mac = createHmac('sha256', macKey)
    for (const part of partsOf(credential)) mac.update(`${Buffer.byteLength(part)}:`).update(part)
    return mac.digest('base64url')
  }

  function recall(credential: Credential): KnownCaller | null {
    const key = keyOfCredential(credential)
    const seen = held.get(key)
    if (seen === undefined || rejectedUntilMs.has(key)) return null
    const caller = recallToken(verifier, seen.accessToken)
    return caller === null || endsSoon(caller.principal, clock(), refreshAheadSeconds) ? null : caller
  }

  async function obtain(credential: Credential, connection: EndUserConnection): Promise<VerifiedToken> {
    const key = keyOfCredential(credential)
    if ((rejectedUntilMs.get(key) ?? 0) > clock()) throw refuse()
    const seen = held.get(key)
    const usable = seen === undefined ? null : await verifyOrNull(verifier, seen.accessToken)
    const due =
      usable === null || (endsSoon(usable.principal, clock(), refreshAheadSeconds) && clock() >= refreshAheadFromMs)
    if (!due) return usable
    try {
      return await once(key, () => renew(key, seen, credential, connection))
    } catch (error) {
      if (usable === null || !isOutage(error)) throw error
      refreshAheadFromMs = clock() + REFRESH_AHEAD_PAUSE_MS
      return usable
    }
  }

  async function replace(
    refusedToken: string,
    credential: Credential,
    connection: EndUserConnection
  ): Promise<VerifiedToken> {
    const key = keyOfCredential(credential)
    const seen = held.get(key)
    // Another request was here first, if what is held is not the refused token any more.
    const isOther = seen !== undefined && seen.accessToken !== refusedToken
    const usable = isOther ? await verifyOrNull(verifier, seen.accessToken) : null
    return usable ?? (await once(key, () => renew(key, seen, credential, connection)))
  }

  /** One renewal at a time for a credential; who comes meanwhile shares its outcome. */
  async function once(key: string, work: () => Promise<VerifiedToken>): Promise<VerifiedToken> {
    const flight = flights.get(key) ?? work().finally(() => flights.delete(key))
    flights.set(key, flight)
    return await flight
  }

  async function renew(
    key: string,
    seen: TokenSet | undefined,
    credential: Credential,
    connection: EndUserConnection
  ): Promise<VerifiedToken> {
    const current = held.peek(key)
    if (current !== undefined && current !== seen) {
      // Renewed between our look and our turn.
      const usable = await verifyOrNull(verifier, current.accessToken)
      if (usable !== null) return usable
    }
    const tokens = (await refreshed(current, connection)) ?? (await loggedIn(key, credential, connection))
    held.set(key, tokens)
    return await verifyFresh(verifier, tokens)
  }

  /** `null` when there is nothing to refresh or the refresh token is no longer good. */
  async function refreshed(current: TokenSet | undefined, connection: EndUserConnection): Promise<TokenSet | null> {
    if (current === undefined || current.refreshToken === null) return null
    try {
      const tokens = await tokenClient.refresh({ refreshToken: current.refreshToken, connection })
      return tokens.refreshToken === null ? { ...tokens, refreshToken: current.refreshToken } : tokens
    } catch (error) {
      if (hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) return null
      throw tokenRequestFailure(error)
    }
  }

  async function loggedIn(key: string, credential: Credential, connection: EndUserConnection): Promise<TokenSet> {
    try {
      return await logIn(credential, connection)
    } catch (error) {
      if (!hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) throw tokenRequestFailure(error)
      held.delete(key)
      rejectedUntilMs.set(key, clock() + rejectedTtlMs)
      throw refuse(error)
    }
  }

  async function drain(): Promise<void> {
    const all = [...held.values()]
    held.clear()
    await revoker.drain(all, drainTimeoutMs)
  }

  return { obtain, recall, replace, drain }
}
