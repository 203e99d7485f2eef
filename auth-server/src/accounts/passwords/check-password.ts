import { invalidGrant, OAuthError, refusalsAbout } from '../../oauth-error.ts'
import type { User } from '../../store/records.ts'
import type { AccountParts } from '../account-parts.ts'
import type { LoginAttempt } from '../throttle-guesses.ts'

type PasswordParts = Pick<AccountParts, 'store' | 'passwords' | 'throttle' | 'report'>

/**
 * The user with this name and password. Unknown, disabled and wrong are one refusal after the same work; the security
 * event of a refusal has the account, or the name that was tried. Whether the account has to wait is checked before
 * queueing, when the hash is about to run, and after a match: guesses sent at the same time cannot outrun the count.
 * @throws {OAuthError} `invalid_grant`; `slow_down` with the seconds to wait
 * @throws {PasswordQueueFullError} `SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL`
 */
export async function checkPassword(server: PasswordParts, attempt: LoginAttempt, password: string): Promise<User> {
  const user = await server.store.users.findByName(attempt.username)
  const { username: nameTried, sourceAddress } = attempt
  const parties = { ...(user !== null && { subject: user.id }), nameTried, detail: { sourceAddress } }
  const checked = await refusalsAbout(parties, async () => await checkThrottled(server, user, attempt, password))
  await rehash(server, checked, password)
  return checked
}

async function checkThrottled(
  { passwords, throttle }: PasswordParts,
  user: User | null,
  attempt: LoginAttempt,
  password: string
): Promise<User> {
  const refuseThrottled = async (): Promise<void> => {
    const waitMs = await throttle.waitMs(attempt)
    if (waitMs === 0) return
    const retryAfterSeconds = Math.ceil(waitMs / 1000)
    throw new OAuthError('slow_down', 'login-throttled', 'Too many failed logins', { retryAfterSeconds })
  }
  // Before it queues too: those who have to wait must not take the turn of others.
  await refuseThrottled()
  const refusalOf = (matches: boolean): string | null => {
    if (user === null) return 'user-unknown'
    if (!matches) return 'password-wrong'
    return user.disabledAtMs === null ? null : 'user-disabled'
  }
  const matches = await passwords.verify(user?.passwordHash ?? null, password, {
    before: refuseThrottled,
    after: async matches => {
      if (refusalOf(matches) !== null) await throttle.failed(attempt)
    }
  })
  const refusal = refusalOf(matches)
  if (user === null || refusal !== null) throw invalidGrant(refusal ?? 'user-unknown')
  await refuseThrottled()
  await throttle.succeeded(attempt)
  return user
}

/** Best effort: the password was right, and whatever fails here is tried again at the next login. */
async function rehash(
  { store, passwords, report }: PasswordParts,
  { id, passwordHash }: User,
  password: string
): Promise<void> {
  if (!passwords.isOutdated(passwordHash)) return
  try {
    await store.users.rehash(id, passwordHash, await passwords.hash(password))
  } catch (error) {
    report(error, 'a password hash could not be renewed after a login')
  }
}
