import { randomUUID } from 'node:crypto'
import { invalidGrant } from '../../oauth-error.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { SignIn, User, UserSignIn } from '../../store/records.ts'
import { hashOfSecret, newSecret } from '../../tokens/secret-token.ts'
import type { AccountParts, Lifetimes } from '../account-parts.ts'

/** A sign-in that has just begun. Its `secret` goes into the browser's cookie and nowhere else. */
export interface StartedSignIn extends UserSignIn {
  readonly secret: string
}

/**
 * Begins a sign-in, or renews the browser's own when the same user shows the password again; either way the secret is a
 * new one, so that a cookie that somebody put there never comes to count. Another user's sign-in in this browser ends.
 * The user is read again under a lock, as for a session.
 * @param previous what was signed in in this browser
 * @throws {OAuthError} `invalid_grant`
 */
export async function startSignIn(
  server: Pick<AccountParts, 'store' | 'clock' | 'lifetimes'>,
  checked: User,
  previous: UserSignIn | null,
  audit: WriteAudit
): Promise<StartedSignIn> {
  const nowMs = server.clock()
  const secret = newSecret()
  return await server.store.transaction(async trx => {
    await trx.users.lockForLogin(checked.id)
    const user = await trx.users.find(checked.id)
    if (user === null || user.disabledAtMs !== null || user.passwordChangedAtMs !== checked.passwordChangedAtMs) {
      throw invalidGrant('user-changed')
    }
    const isSameUser = previous?.user.id === user.id
    const renewed = newSignIn(server.lifetimes, isSameUser ? previous.signIn.id : randomUUID(), user, nowMs)
    const wasRenewed = isSameUser && (await trx.signIns.renew(renewed, hashOfSecret(secret)))
    const signIn = wasRenewed || !isSameUser ? renewed : { ...renewed, id: randomUUID() }
    if (!wasRenewed) await trx.signIns.create(signIn, hashOfSecret(secret))
    if (previous !== null && !isSameUser) await trx.signIns.end({ id: previous.signIn.id }, nowMs)
    const parties = { subject: user.id, nameTried: user.username, resource: { type: 'sign-in', id: signIn.id } }
    await audit(trx, { action: 'sign-in.start', outcome: 'success', ...parties })
    return { signIn, user, secret }
  })
}

/** A sign-in whose user has just shown the password. */
export function newSignIn(lifetimes: Lifetimes, id: string, user: User, nowMs: number): SignIn {
  const { idleSeconds, absoluteSeconds } = lifetimes.signIn
  return {
    id,
    userId: user.id,
    authenticatedAtMs: nowMs,
    lastUsedAtMs: nowMs,
    idleExpiresAtMs: nowMs + Math.min(idleSeconds, absoluteSeconds) * 1000,
    absoluteExpiresAtMs: nowMs + absoluteSeconds * 1000,
    endedAtMs: null
  }
}

/** The sign-in that a cookie's secret stands for; `null` when it is no longer valid. */
export async function currentSignIn(
  { store, clock }: Pick<AccountParts, 'store' | 'clock'>,
  secret: string | undefined
): Promise<UserSignIn | null> {
  const found = secret === undefined ? null : await store.signIns.findBySecret(hashOfSecret(secret))
  return found !== null && isLiveSignIn(found, clock()) ? found : null
}

/** Whether a sign-in is still valid. */
export function isLiveSignIn({ signIn, user }: UserSignIn, nowMs: number): boolean {
  return (
    signIn.endedAtMs === null &&
    nowMs < signIn.idleExpiresAtMs &&
    nowMs < signIn.absoluteExpiresAtMs &&
    user.disabledAtMs === null
  )
}
