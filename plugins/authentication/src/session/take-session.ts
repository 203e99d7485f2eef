import { recordSecurityEvent, type DpopKey } from '@sallyport/security-context'
import { withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CookieDuplicatedError, CsrfRefusedError, LogoutIncompleteError } from '../errors.ts'
import type { SessionOwner } from '../stored-sessions/session-store.ts'
import type { StoredSessions } from '../stored-sessions/stored-sessions.ts'
import type { SessionTokens } from './cookie-jar.ts'
import { dpopKeyIn, loginFactsIn, type LoginFacts } from './pairing.ts'
import type { SessionCore } from './session-core.ts'

/** What a request that leaves was logged in with. */
export interface TakenSession extends Readonly<Record<keyof SessionTokens, string | null>> {
  /** What its cookies have in common; `null` in a store. */
  readonly pairingId: string | null
  readonly dpopKey: DpopKey | null
  readonly login: LoginFacts | null
  readonly idToken: string | null
  /** Whose session it was, in a store. */
  readonly owner: SessionOwner | null
}

/** Whoever was not logged in. */
export const NO_SESSION: TakenSession = Object.freeze({
  accessToken: null,
  refreshToken: null,
  pairingId: null,
  dpopKey: null,
  login: null,
  idToken: null,
  owner: null
})

/**
 * Takes the session away from a request: its cookies are cleared on the response, and in a store it ends.
 * @throws `SALLYPORT_AUTHENTICATION_COOKIE_DUPLICATED` (400), `…_CSRF_REFUSED` (403), `…_LOGOUT_INCOMPLETE` (503)
 */
export async function takeSession(
  core: SessionCore,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<TakenSession> {
  return core.stored === null ? takeCookies(core, request, reply) : await takeStored(core, core.stored, request, reply)
}

function takeCookies(core: SessionCore, request: FastifyRequest, reply: FastifyReply): TakenSession {
  const cookies = core.jar.read(request.headers.cookie)
  if (cookies.kind === 'none') return NO_SESSION
  refuseForgedLogout(core, request, cookies.kind)
  core.clearCookies(request, reply)
  if (cookies.kind === 'mismatched') {
    recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'cookie-mismatched' })
  }
  if (cookies.kind !== 'tokens') return NO_SESSION
  const { accessToken, refreshToken, pairingId } = cookies
  const dpopKey = dpopKeyIn(pairingId, core.options.clock)
  return { ...NO_SESSION, accessToken, refreshToken, pairingId, dpopKey, login: loginFactsIn(pairingId) }
}

async function takeStored(
  core: SessionCore,
  { presented, store, vault }: StoredSessions,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<TakenSession> {
  const found = presented(request)
  if (found.kind === 'none') return NO_SESSION
  refuseForgedLogout(core, request, found.kind)
  core.clearCookies(request, reply)
  if (found.kind !== 'handle') return NO_SESSION
  try {
    const [ended] = await store.end({ kind: 'session', id: vault.idOf(found.handle) })
    if (ended === undefined) return NO_SESSION
    const open = vault.open(ended)
    const { accessToken = null, refreshToken = null, login = null, idToken = null } = open?.contents ?? {}
    const dpopKey = open?.dpopKey ?? null
    return { ...NO_SESSION, accessToken, refreshToken, dpopKey, login, idToken, owner: ended }
  } catch (cause) {
    recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'logout-incomplete' })
    throw withRetryAfter(new LogoutIncompleteError({ cause }))
  }
}

function refuseForgedLogout(core: SessionCore, request: FastifyRequest, kind: string): void {
  if (kind === 'duplicated') {
    recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'cookie-duplicated' })
    throw new CookieDuplicatedError()
  }
  if (!core.isCsrfSafe(request)) {
    recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'csrf-refused' })
    throw new CsrfRefusedError()
  }
}
