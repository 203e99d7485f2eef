import { invalidGrant } from '../../oauth-error.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { UserSignIn } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AccountParts } from '../account-parts.ts'
import { endSessions } from '../sessions/end-sessions.ts'
import { newSignIn, type StartedSignIn } from '../sign-in/start-sign-in.ts'
import { checkPassword } from './check-password.ts'

/** A user's own change of password. */
export interface PasswordChange {
  /** The browser in which it is made. */
  readonly signedIn: UserSignIn
  readonly sourceAddress: string
  readonly current: string
  /** Has passed the policy. */
  readonly wanted: string
}

/** What a change of password left behind. */
export interface ChangedPassword {
  /** The browser's sign-in, which has a new secret. */
  readonly signedIn: StartedSignIn
  /** Sessions that ended: all but those of this sign-in. */
  readonly endedSessions: number
}

/**
 * Changes the password of the user who is signed in, who shows the current one again: throttled, hashed and refused as
 * at login. Every other sign-in of the user ends, and every session that was not granted in this one. This one gets
 * a new secret: a copy of its cookie is worth nothing afterwards.
 * @throws {OAuthError} `invalid_grant`; `slow_down` with the seconds to wait
 * @throws {PasswordQueueFullError} `SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL`
 */
export async function changeOwnPassword(
  server: AccountParts,
  { signedIn, sourceAddress, current, wanted }: PasswordChange,
  audit: WriteAudit
): Promise<ChangedPassword> {
  const { store, clock, passwords, lifetimes } = server
  const { id: userId, username } = signedIn.user
  const checked = await checkPassword(server, { username, sourceAddress }, current)
  if (checked.id !== userId) throw invalidGrant('user-changed')
  const passwordHash = await passwords.hash(wanted)
  const nowMs = clock()
  const secret = newSecret()
  return await store.transaction(async trx => {
    await trx.users.lockForChange(userId)
    const user = await trx.users.find(userId)
    if (user === null || user.disabledAtMs !== null || user.passwordChangedAtMs !== checked.passwordChangedAtMs) {
      throw invalidGrant('user-changed')
    }
    const signIn = newSignIn(lifetimes, signedIn.signIn.id, user, nowMs)
    if (!(await trx.signIns.renew(signIn, hashOfSecret(secret)))) throw invalidGrant('sign-in-ended')
    await trx.users.setPasswordHash(userId, passwordHash, nowMs)
    const ended = await endSessions(trx, { kind: 'user', userId, keptSignInId: signIn.id }, 'password-changed', nowMs)
    await audit(trx, {
      action: 'user.change-password',
      outcome: 'success',
      subject: userId,
      resource: { type: 'user', id: userId },
      detail: { endedSessions: ended.map(({ id }) => id), keptSignIn: signIn.id }
    })
    return { signedIn: { signIn, user, secret }, endedSessions: ended.length }
  })
}
