import { PasswordQueueFullError } from '../../errors.ts'
import type { PasswordFault } from './password-policy.ts'
import { OAuthError, type RequestParties } from '../../oauth-error.ts'

/** What a form tells the person; the pages have the words. `amount` in seconds or characters, where there is one. */
export interface FormProblem {
  readonly name:
    | 'credentialsMissing'
    | 'credentialsWrong'
    | 'tooManyPeople'
    | 'tooManyFailures'
    | 'currentPasswordWrong'
    | 'passwordsMissing'
    | 'passwordsDiffer'
    | 'passwordUnchanged'
    | PasswordFault['name']
  readonly amount?: number
}

/** Why a form with a password is shown again; `problem` is for the user, `reason` and `parties` for the event. */
export interface RefusedForm {
  readonly kind: 'refused'
  readonly status: number
  readonly problem: FormProblem
  readonly reason: string
  readonly parties: RequestParties
  readonly retryAfterSeconds: number | null
}

const BUSY_RETRY_SECONDS = 1

/** A refusal that the form itself shows. */
export function refusedForm(
  status: number,
  problem: FormProblem,
  { reason, parties, retryAfterSeconds }: OAuthError
): RefusedForm {
  return { kind: 'refused', status, problem, reason, parties, retryAfterSeconds }
}

/**
 * What a form says when its password could not be checked, was wrong, or was shown too often. Throws what is none of
 * these again.
 * @param wrong says that the password is wrong
 */
export function refusedPassword(error: unknown, wrong: FormProblem): RefusedForm {
  if (error instanceof PasswordQueueFullError) {
    const retry = { retryAfterSeconds: BUSY_RETRY_SECONDS }
    const overloaded = new OAuthError('temporarily_unavailable', 'overloaded', '', retry)
    return refusedForm(503, { name: 'tooManyPeople' }, overloaded)
  }
  if (!(error instanceof OAuthError)) throw error
  if (error.error === 'slow_down') {
    return refusedForm(429, { name: 'tooManyFailures', amount: error.retryAfterSeconds ?? 0 }, error)
  }
  if (error.error === 'invalid_grant') return refusedForm(400, wrong, error)
  throw error
}
