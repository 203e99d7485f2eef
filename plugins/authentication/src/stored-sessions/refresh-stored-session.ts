import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { EndUserConnection, TokenSet } from '@sallyport/security-context'
import { errorCode, withDeadline, withRetryAfter, type Log } from '@sallyport/security-context/mechanics'
import { ServerUnavailableError, SessionEndedError } from '../errors.ts'
import { hasTokenCode } from '../failure-kinds.ts'
import type { RefreshCounts } from '../session/refresh-session.ts'
import type { ReadSessionOptions } from '../session/options.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { verifyOrNull } from '../tokens/verified-token.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import type { SessionStore } from './session-store.ts'
import type { ReadStoredSessionOptions } from './options.ts'
import type { OpenSession, SessionVault } from './session-vault.ts'

/** What the refreshes of stored sessions work with. */
export interface StoredRefreshParts {
  readonly options: ReadSessionOptions
  readonly stored: ReadStoredSessionOptions
  /** Guarded. */
  readonly store: SessionStore
  readonly vault: SessionVault
  readonly verifier: TokenVerifier
  readonly log: Log
}

/** Who asks for the refresh of a stored session. */
export interface StoredRefreshRequest {
  readonly connection: EndUserConnection
  /** An access token that the issuer refuses: what another process got does not count when it is this one. */
  readonly refusedToken?: string
}

/** Refreshes stored sessions: one process at a time, and in it one request for all that ask. */
export interface StoredRefresher {
  /**
   * @throws `SALLYPORT_AUTHENTICATION_SESSION_ENDED` (401), `…_THROTTLED` (429), `…_SERVER_UNAVAILABLE` and
   * `…_STORE_UNAVAILABLE` (503)
   */
  readonly refresh: (open: OpenSession, request: StoredRefreshRequest) => Promise<OpenSession>
  /** Whether somebody refreshes this session, here or elsewhere. */
  readonly isUnderWay: (open: OpenSession) => boolean
  readonly counts: () => RefreshCounts
  /** Waits for the refreshes under way: what the issuer gave has to be kept. */
  readonly close: () => Promise<void>
}

const FIRST_POLL_MS = 20
const LONGEST_POLL_MS = 250

/** Somebody else has the lease, for longer than was waited. */
class RefreshElsewhereError extends Error {}

/**
 * What makes a refresh safe, in this order: a lease, so that one process asks the issuer; a look at the clock before
 * the request, so that a holder that slept past its lease does not ask; the version, so that nobody puts older tokens
 * in place of newer ones. What the issuer gave is kept before anything else is done with it.
 */
export function createStoredRefresher(parts: StoredRefreshParts): StoredRefresher {
  const { options, stored, store, vault, verifier, log } = parts
  const { tokenClient, clock } = options
  const flights = new Map<string, Promise<OpenSession>>()
  const counts = { due: 0, success: 0, rejected: 0, unavailable: 0 }

  /** Tries until it has the lease, or somebody else's refresh is there. */
  async function attempt(open: OpenSession, { connection, refusedToken }: StoredRefreshRequest): Promise<OpenSession> {
    counts.due++
    let current = open
    for (let waitedMs = 0, pauseMs = FIRST_POLL_MS; waitedMs <= stored.waitMs; waitedMs += pauseMs) {
      const renewed = await tryRefresh(current, connection)
      if (renewed !== null) return renewed
      await delay(pauseMs)
      pauseMs = Math.min(pauseMs * 2, LONGEST_POLL_MS)
      const found = await vault.find(open.session.id, clock())
      if (found === null) throw new SessionEndedError()
      const { accessToken } = found.contents
      const isNewer = found.session.version > open.session.version && accessToken !== refusedToken
      if (isNewer && (await verifyOrNull(verifier, accessToken, found.dpopKey)) !== null) return found
      current = found
    }
    throw new RefreshElsewhereError('another process refreshes the session')
  }

  /** `null`: somebody else has the lease, or was faster. */
  async function tryRefresh(current: OpenSession, connection: EndUserConnection): Promise<OpenSession | null> {
    const { session, contents, dpopKey } = current
    const { id, version } = session
    if (contents.refreshToken === null) throw new SessionEndedError()
    const holder = randomUUID()
    const nowMs = clock()
    const untilMs = nowMs + stored.leaseMs
    const isTaken = await store.takeLease({ id, version, holder, nowMs, untilMs }).catch((error: unknown) => {
      // Without an answer it may have been taken all the same.
      void giveBack(id, holder)
      throw error
    })
    if (!isTaken) return null
    // A process that slept since then may not be the holder any more: its refresh token would be used twice.
    if (clock() >= untilMs) return null
    let tokens: TokenSet
    try {
      const { refreshToken } = contents
      tokens = await tokenClient.refresh({ refreshToken, connection, ...(dpopKey !== null && { dpopKey }) })
      counts.success++
    } catch (error) {
      return await refusedRefresh(current, holder, error)
    }
    return await keepTokens(current, tokens)
  }

  async function refusedRefresh({ session }: OpenSession, holder: string, error: unknown): Promise<null> {
    const { id, version } = session
    if (hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) {
      counts.rejected++
      if ((await store.end({ kind: 'version', id, version })).length === 0) return null
      throw new SessionEndedError({ cause: error })
    }
    counts.unavailable++
    await giveBack(id, holder)
    throw tokenRequestFailure(error)
  }

  async function giveBack(id: string, holder: string): Promise<void> {
    await store.releaseLease(id, holder).catch((err: unknown) => {
      log('the lease of a refresh could not be given back', { err })
    })
  }

  /** Nobody else has these tokens: they are offered to the store until it answers, or the lease is over. */
  async function keepTokens({ session, contents, dpopKey }: OpenSession, tokens: TokenSet): Promise<OpenSession> {
    const { id, version } = session
    const { accessToken, refreshToken } = tokens
    // A server that does not rotate sends none: the old one stays good. RFC 6749 §6.
    const renewed = { ...contents, accessToken, refreshToken: refreshToken ?? contents.refreshToken }
    const sealed = vault.seal(id, renewed)
    for (let waitedMs = 0, pauseMs = FIRST_POLL_MS; ; waitedMs += pauseMs, pauseMs *= 2) {
      try {
        if (await store.replaceTokens({ id, version, sealed, nowMs: clock() })) {
          return { session: { ...session, sealed, version: version + 1, lease: null }, contents: renewed, dpopKey }
        }
        return await replaced(id, tokens)
      } catch (error) {
        if (errorCode(error) !== 'SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE') throw error
        log('new tokens of a session could not be kept yet', { err: error })
        if (waitedMs >= stored.leaseMs) throw error
        await delay(pauseMs)
      }
    }
  }

  /** The tokens of the version are not there any more: kept without an answer, or by another; or the session ended. */
  async function replaced(id: string, { refreshToken }: TokenSet): Promise<OpenSession> {
    const found = await vault.find(id, clock())
    if (found !== null) return found
    if (refreshToken !== null) {
      await tokenClient.revoke({ token: refreshToken, tokenTypeHint: 'refresh_token' }).catch((err: unknown) => {
        log('the tokens of a session that ended meanwhile could not be revoked', { err })
      })
    }
    throw new SessionEndedError()
  }

  /** The refresh under way, or a new one. */
  function joinFlight(open: OpenSession, request: StoredRefreshRequest): Promise<OpenSession> {
    const { id } = open.session
    const underWay = flights.get(id)
    if (underWay !== undefined) return underWay
    const flight = attempt(open, request).finally(() => flights.delete(id))
    // Whoever waits is told; nobody may be left when it ends.
    flight.catch(() => {})
    flights.set(id, flight)
    return flight
  }

  return {
    async refresh(open, request) {
      const endsAtMs = performance.now() + stored.waitMs
      for (;;) {
        const leftMs = endsAtMs - performance.now()
        try {
          return await withDeadline(joinFlight(open, request), Math.max(leftMs, 1))
        } catch (error) {
          // What was waited for may have begun long before this request.
          if (error instanceof RefreshElsewhereError && leftMs > 0) continue
          if (!(error instanceof RefreshElsewhereError) && errorCode(error) !== 'ETIMEDOUT') throw error
          throw withRetryAfter(new ServerUnavailableError({ cause: error }))
        }
      }
    },
    isUnderWay: ({ session: { id, lease } }) => flights.has(id) || (lease !== null && lease.untilMs > clock()),
    counts: () => ({ ...counts }),
    close: async () => {
      await Promise.allSettled(flights.values())
    }
  }
}
