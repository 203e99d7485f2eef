import { errorCode } from '@sallyport/security-context/mechanics'
import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyError } from '@fastify/error'
import type { FastifyRequest } from 'fastify'
import { SessionEndedError } from '../errors.ts'
import type { StrategyResult } from '../strategy.ts'

/** After an outage, sessions whose token is still good go on for this long without trying to refresh them ahead. */
export const RENEWAL_PAUSE_MS = 5000

/** Refuses a request for its session, and says why in the security event. */
export function refuseSession(request: FastifyRequest, error: FastifyError, reason: string): StrategyResult {
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason })
  return { kind: 'refused', error: Object.assign(error, { reason }) }
}

/**
 * Refuses a request whose session is over. A new error for each request: requests that shared the refusal must not
 * share its headers.
 */
export function endedSession(request: FastifyRequest, error: FastifyError): StrategyResult {
  const reason = error.cause === undefined ? 'session-ended' : 'refresh-rejected'
  return refuseSession(request, new SessionEndedError({ cause: error }), reason)
}

/** Whether an error says that a session is over. */
export function isSessionEnd(error: unknown): error is FastifyError {
  return errorCode(error) === 'SALLYPORT_AUTHENTICATION_SESSION_ENDED'
}
