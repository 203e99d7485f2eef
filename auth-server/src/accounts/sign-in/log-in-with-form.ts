import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { UserSignIn } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'
import { checkPassword } from '../passwords/check-password.ts'
import { refusedForm, refusedPassword, type RefusedForm } from '../passwords/refused-form.ts'
import { startSignIn, type StartedSignIn } from './start-sign-in.ts'

/** One submission of the login page. */
export interface LoginForm {
  readonly form: Form
  readonly sourceAddress: string
  /** Who was logged in in this browser. */
  readonly previous: UserSignIn | null
}

/** How it went. */
export type LoginOutcome = { readonly kind: 'signed-in'; readonly signedIn: StartedSignIn } | RefusedForm

/** Logs a user in with the login page's form: the same checks, limits and hashes as the password grant. */
export async function logInWithForm(
  server: AccountParts,
  { form, sourceAddress, previous }: LoginForm,
  audit: WriteAudit
): Promise<LoginOutcome> {
  const [username, password] = [form.get('username'), form.get('password')]
  if (username === undefined || password === undefined) {
    return refusedForm(400, { name: 'credentialsMissing' }, invalidRequest('credentials-missing', ''))
  }
  try {
    const user = await checkPassword(server, { username: normaliseUsername(username), sourceAddress }, password)
    return { kind: 'signed-in', signedIn: await startSignIn(server, user, previous, audit) }
  } catch (error) {
    return refusedPassword(error, { name: 'credentialsWrong' })
  }
}
