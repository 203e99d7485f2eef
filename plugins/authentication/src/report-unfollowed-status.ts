import { recordSecurityEvent } from '@sallyport/security-context'
import type { onRequestHookHandler } from 'fastify'
import { looksLikeJwt } from './tokens/token-strategy.ts'

/**
 * The hook of an app that follows no status lists of an issuer: says once, to the log and as a security event, that
 * tokens arrive which could be revoked, and that a revocation is not seen here until they expire.
 * @param follows whether the status lists of this issuer are followed
 */
export function reportUnfollowedStatus(follows: (issuer: string | null) => boolean): onRequestHookHandler {
  let reported = false
  return function reportStatus(request, _reply, next) {
    const { principal, accessToken } = request
    const isUnfollowed =
      !reported &&
      principal !== null &&
      Object.hasOwn(principal.claims, 'status') &&
      looksLikeJwt(accessToken ?? '') &&
      !follows(principal.issuer)
    if (isUnfollowed) {
      reported = true
      request.log.warn(
        { issuer: principal.issuer },
        'tokens name a status list and this app follows none: a revoked token is accepted until it expires'
      )
      recordSecurityEvent(request, { stage: 'authentication', outcome: 'failure', reason: 'status-not-followed' })
    }
    next()
  }
}
