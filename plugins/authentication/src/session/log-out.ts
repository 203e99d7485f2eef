import { recordSecurityEvent, type SessionDirectory } from '@sallyport/security-context'
import { sendPage } from '@sallyport/security-context/pages'
import { sourceOf, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LogoutIncompleteError, ReturnPathError } from '../errors.ts'
import { hasTokenCode, isThrottled } from '../failure-kinds.ts'
import { acceptsHtml, isNavigation } from '../login/page-request.ts'
import { isReturnPath } from '../login/return-path.ts'
import { readerLanguage } from '../pages/authentication-texts.ts'
import { requestConnection } from '../request-origin.ts'
import { verifyHeldToken } from '../tokens/verify-held-token.ts'
import { verifyOrNull } from '../tokens/verified-token.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import type { SessionTokens } from './cookie-jar.ts'
import type { LeavingBody } from './schemas.ts'
import type { SessionCore } from './session-core.ts'
import { endedPage, type SessionPaths } from './session-pages.ts'
import { NO_SESSION, takeSession, type TakenSession } from './take-session.ts'

/**
 * Makes the handler of `POST /logout`.
 *
 * It reads the cookies itself instead of being an authenticated route: logging out must work with an expired session
 * too, and must not refresh one first. The cookies go in every case, also when the authorization server cannot be told
 * (503): whoever leaves a shared machine is logged out of it, and the answer does not claim that the session is over.
 */
export function createLogout(core: SessionCore, directory: SessionDirectory | undefined, paths: () => SessionPaths) {
  return async function logOut(request: FastifyRequest<{ Body: LeavingBody | null | undefined }>, reply: FastifyReply) {
    const { refreshToken, returnTo, everywhere } = request.body ?? {}
    if (returnTo !== undefined && !isReturnPath(returnTo)) throw new ReturnPathError()
    const tokens =
      refreshToken === undefined ? await takeSession(core, request, reply) : { ...NO_SESSION, refreshToken }
    const leaving = { ...tokens, source: refreshToken === undefined ? null : sourceOf(request.ip) }
    try {
      if (everywhere !== undefined) await endEverywhere({ core, directory }, request, leaving)
    } finally {
      // Whatever became of the others: whoever leaves is out.
      await endSession(core, request, leaving)
    }
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'logout', ...subjectOf(request) })
    const { login, idToken } = tokens
    const goOn = login?.method === 'issuer' ? await core.login.leave?.(request, { returnTo, idToken }) : null
    return await leadOnAfterLogout(request, reply, { returnTo, goOn: goOn ?? null, paths })
  }
}

/**
 * A form leads the browser on: to the issuer, whose login is still there, to the path, or to a page. A script cannot
 * follow to another origin, so it is told where to, if it asks for a way back.
 */
async function leadOnAfterLogout(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    returnTo,
    goOn,
    paths
  }: { readonly returnTo: string | undefined; readonly goOn: string | null; readonly paths: () => SessionPaths }
): Promise<unknown> {
  const next = goOn ?? returnTo
  if (isNavigation(request.headers) && acceptsHtml(request.headers.accept)) {
    if (next !== undefined) return await reply.redirect(next, 303)
    return sendPage(reply, 200, endedPage(paths(), readerLanguage(request)))
  }
  if (goOn !== null && returnTo !== undefined) return { continueAt: goOn }
  return await reply.code(204).send()
}

/**
 * Ends every session of whoever leaves: those in the store, and those that a directory knows of, by the access token,
 * renewed if need be.
 */
async function endEverywhere(
  { core, directory }: { readonly core: SessionCore; readonly directory: SessionDirectory | undefined },
  request: FastifyRequest,
  leaving: Leaving
): Promise<void> {
  const { accessToken, refreshToken, owner } = leaving
  const isAsked = directory !== undefined && (accessToken ?? refreshToken) !== null
  if (!isAsked && owner === null) return
  try {
    if (core.stored !== null && owner !== null) {
      await core.stored.endAndRevoke(
        { kind: 'owner', issuer: owner.issuer, subject: owner.subject },
        (message, detail) => {
          request.log.warn(detail, message)
        }
      )
    }
    if (isAsked) await directory.endAll(await usableToken(core, request, leaving))
  } catch (cause) {
    recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'logout-incomplete' })
    throw withRetryAfter(new LogoutIncompleteError({ cause }))
  }
  recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'all-sessions-ended' })
}

/** The access token, or a new one where there is none or it has expired. */
async function usableToken(
  core: SessionCore,
  request: FastifyRequest,
  { accessToken, refreshToken, dpopKey, source }: Leaving
): Promise<string> {
  const isUsable = async (token: string): Promise<boolean> =>
    refreshToken === null || (await verifyOrNull(core.verifier, token, dpopKey)) !== null
  if (accessToken !== null && (await isUsable(accessToken))) return accessToken
  const asking = { connection: requestConnection(request), dpopKey, ...(source !== null && { source }) }
  return (await core.refresher.refresh(refreshToken ?? '', asking)).accessToken
}

interface Leaving extends Pick<TakenSession, keyof SessionTokens | 'pairingId' | 'dpopKey' | 'owner'> {
  /**
   * Who brought the refresh token in the body, as `sourceOf` names it; `null` when it was in a cookie that we sealed.
   */
  readonly source: string | null
}

async function endSession(
  core: SessionCore,
  request: FastifyRequest,
  { accessToken, refreshToken, pairingId, dpopKey, source }: Leaving
): Promise<void> {
  const { verifier, refresher, ended, revoker } = core
  if (pairingId !== null) ended.add(pairingId)
  // Only for the audit trail: a token that cannot be verified now is revoked all the same.
  request.principal =
    accessToken === null ? null : await verifyHeldToken(verifier, accessToken, dpopKey).catch(() => null)
  const stranger = refreshToken === null || refresher.isRemembered(refreshToken) ? null : source
  const token = refreshToken === null ? accessToken : refresher.forget(refreshToken)
  if (token === null) return
  try {
    await revoker.revoke(token, refreshToken === null ? 'access_token' : 'refresh_token', stranger)
  } catch (cause) {
    if (source === null && hasTokenCode(cause, 'SALLYPORT_TOKEN_NOT_GRANTED')) {
      noteNotRevoked(request, cause)
      return
    }
    if (stranger !== null && isThrottled(cause)) {
      recordSecurityEvent(request, {
        stage: 'session',
        outcome: 'denied',
        reason: 'logout-throttled',
        ...subjectOf(request)
      })
      throw tokenRequestFailure(cause)
    }
    recordSecurityEvent(request, {
      stage: 'session',
      outcome: 'failure',
      reason: 'logout-incomplete',
      ...subjectOf(request)
    })
    throw withRetryAfter(new LogoutIncompleteError({ cause }))
  }
}

/**
 * Not every issuer revokes, and then no later try would: the session ends here, and the tokens, which no client has, at
 * their expiry.
 */
function noteNotRevoked(request: FastifyRequest, cause: unknown): void {
  request.log.warn({ err: cause }, 'the issuer does not revoke: the tokens of this session last until they expire')
  recordSecurityEvent(request, {
    stage: 'session',
    outcome: 'failure',
    reason: 'logout-not-revoked',
    ...subjectOf(request)
  })
}

const subjectOf = ({ principal }: FastifyRequest): Record<string, string> =>
  principal === null ? {} : { subject: principal.subject }
