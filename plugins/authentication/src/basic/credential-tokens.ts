import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { EndUserConnection, TokenSet } from '@sallyport/security-context'
import { LRUCache } from 'lru-cache'
import { BasicRejectedError } from '../errors.ts'
import { hasTokenCode, isOutage } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { endsSoon, verifyFresh, verifyOrNull, type VerifiedToken } from '../tokens/verified-token.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import { createRevoker } from './revoke-tokens.ts'
import type { ResolvedBasicOptions } from './options.ts'
import type { BasicCredential } from './parse-basic.ts'

/** Tokens for Basic credentials: fetched once, kept, refreshed. */
export interface CredentialTokens {
  /**
   * A verified access token for the credential.
   * @throws `SALLYPORT_AUTHENTICATION_BASIC_REJECTED` (401), `…_THROTTLED` (429), `…_SERVER_UNAVAILABLE` (503), or what
   * the verifier throws (503)
   */
  readonly obtain: (credential: BasicCredential, connection: EndUserConnection) => Promise<VerifiedToken>
  /** Another token than this one, which the issuer refuses; throws as `obtain`. */
  readonly replace: (
    refusedToken: string,
    credential: BasicCredential,
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
 * The password goes to the server only when there is no token or when the refresh token is rejected; so a password
 * changed elsewhere takes effect here as soon as its revocation is visible to the verifier.
 */
export function createCredentialTokens(options: ResolvedBasicOptions, verifier: TokenVerifier): CredentialTokens {
  const { tokenClient, clock, scope } = options
  const macKey = createSecretKey(randomBytes(32))
  const revoker = createRevoker(tokenClient)
  const rejectedUntilMs = new LRUCache<string, number>({ max: options.maxRejected })
  const flights = new Map<string, Promise<VerifiedToken>>()
  let refreshAheadFromMs = 0
  const held = new LRUCache<string, TokenSet>({
    max: options.maxCredentials,
    dispose: (tokens, _key, reason) => {
      if (reason === 'evict') revoker.revoke(tokens)
    }
  })

  // No user-id contains a NUL (control characters are refused), so the separator keeps the pair unambiguous.
  const keyOfCredential = ({ username, password }: BasicCredential): string =>
    createHmac('sha256', macKey).update(username).update('\0').update(password).digest('base64url')

  async function obtain(credential: BasicCredential, connection: EndUserConnection): Promise<VerifiedToken> {
    const key = keyOfCredential(credential)
    if ((rejectedUntilMs.get(key) ?? 0) > clock()) throw new BasicRejectedError()
    const seen = held.get(key)
    const usable = seen === undefined ? null : await verifyOrNull(verifier, seen.accessToken)
    const due =
      usable === null ||
      (endsSoon(usable.principal, clock(), options.refreshAheadSeconds) && clock() >= refreshAheadFromMs)
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
    credential: BasicCredential,
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
    credential: BasicCredential,
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

  async function loggedIn(
    key: string,
    { username, password }: BasicCredential,
    connection: EndUserConnection
  ): Promise<TokenSet> {
    try {
      return await tokenClient.password({
        username,
        password,
        sessionKind: 'api',
        connection,
        ...(scope === null ? {} : { scope })
      })
    } catch (error) {
      if (!hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) throw tokenRequestFailure(error)
      held.delete(key)
      rejectedUntilMs.set(key, clock() + options.rejectedTtlMs)
      throw new BasicRejectedError({ cause: error })
    }
  }

  async function drain(): Promise<void> {
    const all = [...held.values()]
    held.clear()
    await revoker.drain(all, options.drainTimeoutMs)
  }

  return { obtain, replace, drain }
}
