import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CookieDuplicatedError, CookieInvalidError, CsrfRefusedError, SessionEndedError } from '../errors.ts'
import { isOutage } from '../failure-kinds.ts'
import { isUnsafe, requestConnection } from '../request-origin.ts'
import { endedSession, isSessionEnd, refuseSession, RENEWAL_PAUSE_MS } from '../session/refuse-session.ts'
import type { SessionCore } from '../session/session-core.ts'
import { NOT_APPLICABLE, type RenewToken, type Strategy, type StrategyResult } from '../strategy.ts'
import { endsSoon, verifyFresh, verifyOrNull, type VerifiedToken } from '../tokens/verified-token.ts'
import type { StoredRefreshRequest } from './refresh-stored-session.ts'
import type { OpenSession } from './session-vault.ts'
import type { StoredSessions } from './stored-sessions.ts'

/** A session with its verified token. */
interface ResumedSession {
  readonly open: OpenSession
  readonly verified: VerifiedToken
}

/** Of the idle time, after which a use is noted: a session that is used all the time is not written each time. */
const NOTED_PARTS = 20

/**
 * A handle as credential: looks the session up for each request, so that one that has ended is refused by every process
 * at once; verifies its access token, and refreshes it where need be. The cookie stays what it is.
 */
export function createStoredSessionStrategy(
  core: Pick<SessionCore, 'options' | 'verifier' | 'isCsrfSafe'>,
  sessions: StoredSessions
): Omit<Strategy, 'name'> {
  const { options, verifier } = core
  const { store, vault, refresher, stored } = sessions
  let refreshAheadFromMs = 0

  function authenticate(request: FastifyRequest, reply: FastifyReply): StrategyResult | Promise<StrategyResult> {
    const presented = sessions.presented(request)
    if (presented.kind === 'none') return NOT_APPLICABLE
    if (presented.kind === 'duplicated') {
      return refuseSession(request, new CookieDuplicatedError(), 'cookie-duplicated')
    }
    if (isUnsafe(request.method, request.headers) && !core.isCsrfSafe(request)) {
      return refuseSession(request, new CsrfRefusedError(), 'csrf-refused')
    }
    if (presented.kind === 'handle') return authenticateHandle(request, reply, presented.handle)
    sessions.clearCookie(request, reply)
    return refuseSession(request, new CookieInvalidError(), 'cookie-invalid')
  }

  async function authenticateHandle(
    request: FastifyRequest,
    reply: FastifyReply,
    handle: string
  ): Promise<StrategyResult> {
    try {
      const found = await vault.find(vault.idOf(handle), options.clock())
      if (found === null) throw new SessionEndedError()
      const { open, verified } = await resume(request, found)
      await noteUse(request, open)
      request.storedSession = open.session
      const { login } = open.contents
      const { dpopKey } = open
      return { kind: 'accepted', ...verified, login, dpopKey, renew: renewal(request, reply, open) }
    } catch (error) {
      if (isSessionEnd(error)) {
        sessions.clearCookie(request, reply)
        return endedSession(request, error)
      }
      if (isOutage(error)) return { kind: 'refused', error }
      throw error
    }
  }

  /** The session with a token that is good, renewed where it is not or will not be for long. */
  async function resume(request: FastifyRequest, open: OpenSession): Promise<ResumedSession> {
    const usable = await verifyOrNull(verifier, open.contents.accessToken, open.dpopKey)
    const now = options.clock()
    const ahead = usable !== null && endsSoon(usable.principal, now, options.refreshAheadSeconds, options.refreshSpread)
    if (usable !== null) {
      const { refreshToken } = open.contents
      // Whoever is about to get a new token does not hold up those whose token is still good.
      const isDue = ahead && refreshToken !== null && now >= refreshAheadFromMs && !refresher.isUnderWay(open)
      if (!isDue) return { open, verified: usable }
    }
    try {
      return await refreshed(request, open, { connection: requestConnection(request) })
    } catch (error) {
      if (!isOutage(error)) throw error
      recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'refresh-unavailable' })
      if (usable === null) throw error
      refreshAheadFromMs = now + RENEWAL_PAUSE_MS
      return { open, verified: usable }
    }
  }

  async function refreshed(
    request: FastifyRequest,
    before: OpenSession,
    asking: StoredRefreshRequest
  ): Promise<ResumedSession> {
    const open = await refresher.refresh(before, asking)
    const verified = await verifyFresh(verifier, open.contents, open.dpopKey)
    const { subject } = verified.principal
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'session-refreshed', subject })
    return { open, verified }
  }

  /** A use that could not be noted costs the session a little of its life, and the request nothing. */
  async function noteUse(request: FastifyRequest, { session }: OpenSession): Promise<void> {
    const now = options.clock()
    if (now - session.lastUsedAtMs < (stored.idleSeconds * 1000) / NOTED_PARTS) return
    const use = { id: session.id, lastUsedAtMs: now, expiresAtMs: sessions.expiryOf(session) }
    await store.touch(use, now).catch((err: unknown) => {
      request.log.warn({ err }, 'the use of a session could not be noted')
    })
  }

  function renewal(request: FastifyRequest, reply: FastifyReply, open: OpenSession): RenewToken {
    return async refusedToken => {
      try {
        const asking = { connection: requestConnection(request), refusedToken }
        const renewed = await refreshed(request, open, asking)
        request.storedSession = renewed.open.session
        return renewed.verified
      } catch (error) {
        const isOver = isSessionEnd(error)
        const ending = isOver
          ? ({ outcome: 'denied', reason: 'refresh-rejected' } as const)
          : ({ outcome: 'failure', reason: 'refresh-unavailable' } as const)
        recordSecurityEvent(request, { stage: 'session', ...ending })
        if (!isOver) throw error
        sessions.clearCookie(request, reply)
        return null
      }
    }
  }

  return { challenge: null, authenticate }
}
