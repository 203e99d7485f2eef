import { recordSecurityEvent, type DpopKey } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CookieDuplicatedError, CookieInvalidError, CsrfRefusedError, SessionEndedError } from '../errors.ts'
import { requestConnection, isUnsafe } from '../request-origin.ts'
import { NOT_APPLICABLE, type RenewToken, type Strategy, type StrategyResult } from '../strategy.ts'
import { isOutage } from '../failure-kinds.ts'
import { endsSoon, verifyOrNull, type VerifiedToken } from '../tokens/verified-token.ts'
import type { SealedCookies } from './cut-cookies.ts'
import { createKnownSessions } from './known-sessions.ts'
import { dpopKeyIn, loginFactsIn } from './pairing.ts'
import { endedSession, isSessionEnd, refuseSession, RENEWAL_PAUSE_MS } from './refuse-session.ts'
import type { SessionCore } from './session-core.ts'

/** A session's tokens as the cookies bring them: either may be missing. */
interface PresentedTokens {
  readonly accessToken: string | null
  readonly refreshToken: string | null
  readonly pairingId: string
  readonly dpopKey: DpopKey | null
}

/** What a refresh needs of them. */
interface Refreshable {
  readonly refreshToken: string
  readonly pairingId: string
  readonly dpopKey: DpopKey | null
  readonly refusedToken?: string
}

/**
 * Sealed cookies as credentials: verifies the access token in them, refreshes the session when that token is expired,
 * about to expire or revoked, and puts the new cookies on the same response.
 */
export function createSessionStrategy(core: SessionCore): Omit<Strategy, 'name'> {
  const { resume, replace } = createResume(core)
  const known = createKnownSessions(core)

  function authenticate(request: FastifyRequest, reply: FastifyReply): StrategyResult | Promise<StrategyResult> {
    const cookies = core.jar.cut(request.headers.cookie)
    if (cookies.kind === 'none') return NOT_APPLICABLE
    if (cookies.kind === 'duplicated') return refuseSession(request, new CookieDuplicatedError(), 'cookie-duplicated')
    if (isUnsafe(request.method, request.headers) && !core.isCsrfSafe(request)) {
      return refuseSession(request, new CsrfRefusedError(), 'csrf-refused')
    }
    const recalled = cookies.kind === 'sealed' ? known.recall(cookies) : null
    if (recalled === null) return authenticateAnew(request, reply, cookies)
    const { caller, login, dpopKey } = recalled
    const { principal, accessToken } = caller
    return { kind: 'accepted', principal, accessToken, caller, login, dpopKey, ...renewal(request, reply, cookies) }
  }

  async function authenticateAnew(
    request: FastifyRequest,
    reply: FastifyReply,
    sealed: SealedCookies
  ): Promise<StrategyResult> {
    const cookies = core.jar.open(sealed)
    if (cookies.kind === 'none') return NOT_APPLICABLE
    if (cookies.kind !== 'tokens') {
      core.clearCookies(request, reply)
      return refuseSession(request, new CookieInvalidError(), `cookie-${cookies.kind}`)
    }
    const { pairingId } = cookies
    const dpopKey = dpopKeyIn(pairingId, core.options.clock)
    try {
      const resumed = await resume(request, reply, { ...cookies, dpopKey })
      const caller = resumed.caller ?? null
      const login = loginFactsIn(pairingId)
      if (sealed.kind === 'sealed' && caller?.accessToken === cookies.accessToken) {
        known.remember(sealed, { caller, login, pairingId, dpopKey })
      }
      return { kind: 'accepted', ...resumed, login, dpopKey, ...renewal(request, reply, sealed) }
    } catch (error) {
      if (isSessionEnd(error)) {
        core.clearCookies(request, reply)
        return endedSession(request, error)
      }
      if (isOutage(error)) return { kind: 'refused', error }
      throw error
    }
  }

  function renewal(request: FastifyRequest, reply: FastifyReply, sealed: SealedCookies): { renew?: RenewToken } {
    if (sealed.kind !== 'sealed' || sealed.refresh === null) return {}
    return {
      renew: async refusedToken => {
        const cookies = core.jar.open(sealed)
        if (cookies.kind !== 'tokens' || cookies.refreshToken === null) return null
        const { refreshToken, pairingId } = cookies
        const dpopKey = dpopKeyIn(pairingId, core.options.clock)
        return await replace(request, reply, { refreshToken, pairingId, dpopKey, refusedToken })
      }
    }
  }

  return { challenge: null, authenticate }
}

/** The verified token of a session, refreshed when need be. */
function createResume({ options, verifier, refresher, ended, setCookies, clearCookies }: SessionCore) {
  let refreshAheadFromMs = 0
  const hasEnded = ({ principal: { sessionId } }: VerifiedToken, pairingId: string): boolean =>
    ended.has({ pairingId, sessionId })

  async function resume(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessToken, refreshToken, pairingId, dpopKey }: PresentedTokens
  ): Promise<VerifiedToken> {
    const usable = accessToken === null ? null : await verifyOrNull(verifier, accessToken, dpopKey)
    if (usable !== null && hasEnded(usable, pairingId)) throw new SessionEndedError()
    const now = options.clock()
    const due =
      usable === null ||
      (endsSoon(usable.principal, now, options.refreshAheadSeconds, options.refreshSpread) && now >= refreshAheadFromMs)
    if (usable !== null && (!due || refreshToken === null)) return usable
    if (refreshToken === null) throw new SessionEndedError()
    try {
      return await refreshed(request, reply, { refreshToken, pairingId, dpopKey })
    } catch (error) {
      if (!isOutage(error)) throw error
      recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'refresh-unavailable' })
      if (usable === null) throw error
      refreshAheadFromMs = now + RENEWAL_PAUSE_MS
      return usable
    }
  }

  async function refreshed(
    request: FastifyRequest,
    reply: FastifyReply,
    { refreshToken, pairingId, dpopKey, refusedToken }: Refreshable
  ): Promise<VerifiedToken> {
    const asking = { connection: requestConnection(request), dpopKey, refusedToken }
    const renewed = await refresher.refresh(refreshToken, asking)
    if (hasEnded(renewed, pairingId)) throw new SessionEndedError()
    setCookies(request, reply, renewed.cookies(pairingId))
    const { subject } = renewed.principal
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'session-refreshed', subject })
    return renewed
  }

  /** Refreshes because the issuer refuses a token that looks good here; a session that is over is logged out. */
  async function replace(
    request: FastifyRequest,
    reply: FastifyReply,
    session: Refreshable
  ): Promise<VerifiedToken | null> {
    try {
      return await refreshed(request, reply, session)
    } catch (error) {
      if (!isSessionEnd(error)) {
        recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'refresh-unavailable' })
        throw error
      }
      recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'refresh-rejected' })
      clearCookies(request, reply)
      return null
    }
  }

  return { resume, replace }
}
