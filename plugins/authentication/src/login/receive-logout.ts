import { recordSecurityEvent, type SecurityEvent } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LogoutTokenRefusedError } from '../errors.ts'
import { isThrottled } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import type { EndedBy } from '../stored-sessions/session-store.ts'
import type { StoredSessions } from '../stored-sessions/stored-sessions.ts'
import type { LoginParts } from './login-parts.ts'
import { verifyLogoutToken, type ValidatedLogout } from './verify-logout-token.ts'

/** Body of `POST /logout/backchannel`. */
export interface LogoutNoticeBody {
  readonly logout_token: string
}

/** Schema of {@link LogoutNoticeBody}; what else an issuer sends is nothing to us. */
export const logoutNoticeBody = {
  type: 'object',
  required: ['logout_token'],
  properties: { logout_token: { type: 'string', minLength: 1, maxLength: 16_384 } }
} as const

/**
 * Makes the handler of `POST /logout/backchannel`: the issuer tells which sessions have ended there, and they end here,
 * in every process. Its refresh tokens are the issuer's to end.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8
 */
export function createReceiveLogout(parts: LoginParts, { store }: Pick<StoredSessions, 'store'>) {
  const { core, keys, options } = parts
  const { clock } = core.options

  async function verified(token: string): Promise<ValidatedLogout & { readonly issuer: string }> {
    const { issuer, clientId } = await options.client.issuer().catch((error: unknown) => {
      throw tokenRequestFailure(error)
    })
    const logout = await verifyLogoutToken(token, keys, {
      issuer,
      clientId,
      algorithms: options.algorithms,
      nowSeconds: clock() / 1000,
      clockToleranceSeconds: options.clockToleranceSeconds
    })
    return { ...logout, issuer }
  }

  return async function receiveLogout(request: FastifyRequest<{ Body: LogoutNoticeBody }>, reply: FastifyReply) {
    try {
      const { issuer, subject, sessionId, tokenId, usableUntilSeconds } = await core.gate.pass(
        sourceOf(request.ip),
        async () => await verified(request.body.logout_token)
      )
      const use = { key: `logout ${issuer} ${tokenId}`, nowMs: clock(), untilMs: usableUntilSeconds * 1000 }
      const ended = await store.endOnce(endedByNotice(issuer, subject, sessionId), use)
      if (ended === null) throw new LogoutTokenRefusedError('logout-token-replayed')
      recordSecurityEvent(request, {
        stage: 'session',
        outcome: 'success',
        reason: 'logout-by-issuer',
        ...(subject !== null && { subject }),
        detail: { sessions: ended.length }
      })
      return await reply.code(200).send()
    } catch (error) {
      recordSecurityEvent(request, { stage: 'session', ...noticeEnding(error) })
      throw error
    }
  }
}

/** Without a session of the issuer all sessions of the person end. */
function endedByNotice(issuer: string, subject: string | null, issuerSessionId: string | null): EndedBy {
  if (issuerSessionId !== null) return { kind: 'issuer-session', issuer, issuerSessionId, subject }
  return { kind: 'owner', issuer, subject: subject ?? '' }
}

function noticeEnding(error: unknown): Pick<SecurityEvent, 'outcome' | 'reason'> {
  if (error instanceof LogoutTokenRefusedError) return { outcome: 'denied', reason: error.reason }
  if (isThrottled(error)) return { outcome: 'denied', reason: 'logout-throttled' }
  return { outcome: 'failure', reason: 'logout-unavailable' }
}
