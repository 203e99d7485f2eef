import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { EndUserConnection, TokenSet } from '@sallyport/security-context'
import { LRUCache } from 'lru-cache'
import { SessionEndedError } from '../errors.ts'
import { hasCode, tokenFailure, verifyFresh, verifyOrNull, type VerifiedToken } from '../token-failure.ts'
import type { TokenVerifier } from '../verify-token.ts'
import type { NamedValue } from './cookie-chunks.ts'
import type { SessionTokens } from './cookie-jar.ts'
import type { ResolvedSessionOptions } from './options.ts'

/** A session with new tokens. */
export interface RenewedSession extends VerifiedToken {
  readonly tokens: TokenSet
  /** The new cookies of the session with this pairing id; the same bytes for everybody who shares this refresh. */
  readonly cookies: (pairingId: string) => readonly NamedValue[]
}

/** Refreshes sessions, once for all requests that ask for the same. */
export interface SessionRefresher {
  /**
   * @param refusedToken an access token that the issuer refuses: a remembered refresh that gave it does not count
   * @throws `SALLYPORT_AUTHENTICATION_SESSION_ENDED` (401), `…_THROTTLED` (429), `…_SERVER_UNAVAILABLE` (503), or what the verifier throws (503)
   */
  readonly refresh: (refreshToken: string, connection: EndUserConnection, refusedToken?: string) => Promise<RenewedSession>
  /** Forgets what is remembered of this refresh token and of its successors. Returns the newest of them, the one to revoke. */
  readonly forget: (refreshToken: string) => string
}

interface Retained { readonly renewed: RenewedSession, readonly untilMs: number }

/**
 * One refresh per refresh token at a time, and its result kept for a short while: of the requests that a browser sends at
 * once, the late ones still carry the old cookies and must get the new ones too.
 * @param seal makes the cookies of new tokens
 */
export function createSessionRefresher (
  options: ResolvedSessionOptions, verifier: TokenVerifier, seal: (tokens: SessionTokens, pairingId: string) => readonly NamedValue[]
): SessionRefresher {
  const { tokenClient, clock } = options
  const macKey = createSecretKey(randomBytes(32))
  const flights = new Map<string, Promise<RenewedSession>>()
  const retained = new LRUCache<string, Retained>({ max: options.maxRetained })
  const keyOf = (refreshToken: string): string => createHmac('sha256', macKey).update(refreshToken).digest('base64url')

  async function refresh (refreshToken: string, connection: EndUserConnection, refusedToken?: string): Promise<RenewedSession> {
    const known = newest(refreshToken)
    if (known !== null && known.accessToken !== refusedToken && await verifyOrNull(verifier, known.accessToken) !== null) return known
    const current = known?.tokens.refreshToken ?? refreshToken
    const key = keyOf(current)
    const flight = flights.get(key) ?? renew(key, current, connection).finally(() => flights.delete(key))
    flights.set(key, flight)
    return await flight
  }

  /** The last remembered successor of this refresh token. */
  function newest (refreshToken: string): RenewedSession | null {
    let found: RenewedSession | null = null
    for (const { renewed } of successors(refreshToken)) found = renewed
    return found
  }

  /** The remembered refreshes from this token on. Ends at a token that succeeds itself (a server that does not rotate). */
  function * successors (refreshToken: string): Generator<{ key: string, renewed: RenewedSession }> {
    const seen = new Set<string>()
    for (let key = keyOf(refreshToken); !seen.has(key);) {
      const entry = retained.get(key)
      if (entry === undefined || entry.untilMs <= clock()) return
      seen.add(key)
      yield { key, renewed: entry.renewed }
      if (entry.renewed.tokens.refreshToken !== null) key = keyOf(entry.renewed.tokens.refreshToken)
    }
  }

  async function renew (key: string, refreshToken: string, connection: EndUserConnection): Promise<RenewedSession> {
    const tokens = await requested(refreshToken, connection)
    const verified = await verifyFresh(verifier, tokens)
    const sealed = new Map<string, readonly NamedValue[]>()
    const cookies = (pairingId: string): readonly NamedValue[] => {
      const values = sealed.get(pairingId) ?? seal(tokens, pairingId)
      // Only the first is kept: a refresh token was sealed into the cookies of one session.
      if (sealed.size === 0) sealed.set(pairingId, values)
      return values
    }
    const renewed = { ...verified, tokens, cookies }
    if (options.refreshRetentionMs > 0) retained.set(key, { renewed, untilMs: clock() + options.refreshRetentionMs })
    return renewed
  }

  async function requested (refreshToken: string, connection: EndUserConnection): Promise<TokenSet> {
    try {
      const tokens = await tokenClient.refresh({ refreshToken, connection })
      // A server that does not rotate sends none: the old one stays good. RFC 6749 §6.
      return tokens.refreshToken === null ? { ...tokens, refreshToken } : tokens
    } catch (error) {
      throw hasCode(error, 'SALLYPORT_TOKEN_REJECTED') ? new SessionEndedError({ cause: error }) : tokenFailure(error)
    }
  }

  function forget (refreshToken: string): string {
    const latest = newest(refreshToken)?.tokens.refreshToken ?? refreshToken
    for (const { key } of [...successors(refreshToken)]) retained.delete(key)
    return latest
  }

  return { refresh, forget }
}
