import { PasswordQueueFullError } from '../../errors.ts'
import { OAuthError, type RequestParties } from '../../oauth-error.ts'

/** Why a form with a password is shown again; `problem` is for the user, `reason` and `parties` for the event. */
export interface RefusedForm {
  readonly kind: 'refused'
  readonly status: number
  readonly problem: string
  readonly reason: string
  readonly parties: RequestParties
  readonly retryAfterSeconds: number | null
}

const BUSY_RETRY_SECONDS = 1

/** A refusal that the form itself shows. */
export function refusedForm(
  status: number,
  problem: string,
  { reason, parties, retryAfterSeconds }: OAuthError
): RefusedForm {
  return { kind: 'refused', status, problem, reason, parties, retryAfterSeconds }
}

/**
 * What a form says when its password could not be checked, was wrong, or was shown too often. Throws what is none of
 * these again.
 * @param wrongText says that the password is wrong
 */
export function refusedPassword(error: unknown, wrongText: string): RefusedForm {
  if (error instanceof PasswordQueueFullError) {
    const retry = { retryAfterSeconds: BUSY_RETRY_SECONDS }
    const overloaded = new OAuthError('temporarily_unavailable', 'overloaded', '', retry)
    return refusedForm(503, 'Too many people are logging in. Try again in a moment.', overloaded)
  }
  if (!(error instanceof OAuthError)) throw error
  if (error.error === 'slow_down') {
    return refusedForm(429, `Too many failed logins. Try again in ${error.retryAfterSeconds ?? 0} seconds.`, error)
  }
  if (error.error === 'invalid_grant') return refusedForm(400, wrongText, error)
  throw error
}
