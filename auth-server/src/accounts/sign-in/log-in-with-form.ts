import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { PasswordQueueFullError } from '../../errors.ts'
import { invalidRequest, OAuthError, type RequestParties } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { UserSignIn } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'
import { checkPassword } from '../passwords/check-password.ts'
import { startSignIn, type StartedSignIn } from './start-sign-in.ts'

/** One submission of the login page. */
export interface LoginForm {
  readonly form: Form
  readonly sourceAddress: string
  /** Who was logged in in this browser. */
  readonly previous: UserSignIn | null
}

/** How it went; `problem` is for the user, `reason` and `parties` for the security event. */
export type LoginOutcome =
  | { readonly kind: 'signed-in'; readonly signedIn: StartedSignIn }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly problem: string
      readonly reason: string
      readonly parties: RequestParties
      readonly retryAfterSeconds: number | null
    }

const BUSY_RETRY_SECONDS = 1

/** Logs a user in with the login page's form: the same checks, limits and hashes as the password grant. */
export async function logInWithForm(
  server: AccountParts,
  { form, sourceAddress, previous }: LoginForm,
  audit: WriteAudit
): Promise<LoginOutcome> {
  const [username, password] = [form.get('username'), form.get('password')]
  if (username === undefined || password === undefined) {
    return refusedLogin(400, 'Enter your user name and your password.', invalidRequest('credentials-missing', ''))
  }
  try {
    const user = await checkPassword(server, { username: normaliseUsername(username), sourceAddress }, password)
    return { kind: 'signed-in', signedIn: await startSignIn(server, user, previous, audit) }
  } catch (error) {
    if (error instanceof PasswordQueueFullError) {
      const overloaded = new OAuthError('temporarily_unavailable', 'overloaded', '', {
        retryAfterSeconds: BUSY_RETRY_SECONDS
      })
      return refusedLogin(503, 'Too many people are logging in. Try again in a moment.', overloaded)
    }
    if (!(error instanceof OAuthError)) throw error
    if (error.error === 'slow_down') {
      return refusedLogin(429, `Too many failed logins. Try again in ${error.retryAfterSeconds ?? 0} seconds.`, error)
    }
    if (error.error === 'invalid_grant') return refusedLogin(400, 'The user name or the password is wrong.', error)
    throw error
  }
}

function refusedLogin(
  status: number,
  problem: string,
  { reason, parties, retryAfterSeconds }: OAuthError
): LoginOutcome {
  return { kind: 'refused', status, problem, reason, parties, retryAfterSeconds }
}
