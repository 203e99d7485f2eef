import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { UserSignIn } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'
import { changeOwnPassword, type ChangedPassword } from './change-own-password.ts'
import { passwordFault } from './password-policy.ts'
import { refusedForm, refusedPassword, type FormProblem, type RefusedForm } from './refused-form.ts'

/** One submission of the password page. */
export interface PasswordForm {
  /** `current`, `wanted` and `repeated`. */
  readonly form: Form
  readonly sourceAddress: string
  readonly signedIn: UserSignIn
}

/** How it went. */
export type PasswordOutcome = ({ readonly kind: 'changed' } & ChangedPassword) | RefusedForm

/** Changes a password with the page's form. What is wrong with the new password costs no guess of the current one. */
export async function changePasswordWithForm(
  server: AccountParts,
  { form, sourceAddress, signedIn }: PasswordForm,
  audit: WriteAudit
): Promise<PasswordOutcome> {
  const { id: subject, username } = signedIn.user
  const refused = (reason: string, problem: FormProblem): RefusedForm =>
    refusedForm(400, problem, invalidRequest(reason, '').about({ subject }))
  const [current, wanted] = [form.get('current'), form.get('wanted')]
  if (current === undefined || wanted === undefined) {
    return refused('credentials-missing', { name: 'passwordsMissing' })
  }
  if (form.get('repeated') !== wanted) return refused('passwords-differ', { name: 'passwordsDiffer' })
  if (wanted === current) return refused('password-unchanged', { name: 'passwordUnchanged' })
  const fault = passwordFault(wanted, username, server.passwordPolicy)
  if (fault !== null) return refused('password-policy', fault)
  try {
    return {
      kind: 'changed',
      ...(await changeOwnPassword(server, { signedIn, sourceAddress, current, wanted }, audit))
    }
  } catch (error) {
    return refusedPassword(error, { name: 'currentPasswordWrong' })
  }
}
