import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { randomUUID } from 'node:crypto'
import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfSessions } from '../accounts/sessions/revoke-access-tokens.ts'
import { InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { User } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** A user to create. */
export interface NewUser {
  readonly username: string
  readonly password: string
  readonly roles: readonly string[]
  /** UUID; a random one by default. */
  readonly id?: string
}

/** A user as administrators see it; the same over HTTP and on the command line. */
export const userSummary = ({ id, username, roles, disabledAtMs }: User): UserSummary => ({
  id,
  username,
  roles,
  disabled: disabledAtMs !== null
})

/** What of a user may be seen. */
export interface UserSummary extends Pick<User, 'id' | 'username' | 'roles'> {
  readonly disabled: boolean
}

const ROLE = /^[A-Z][A-Z0-9_]{0,63}$/

/**
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function createUser(administration: Administration, wanted: NewUser): Promise<User> {
  const { store, clock, passwords } = administration
  const username = normaliseUsername(wanted.username)
  if (username === '' || !isStorable(username)) {
    throw new InvalidValueError('the user name is empty or has characters that cannot be stored')
  }
  refusePassword(wanted.password)
  refuseRoles(wanted.roles)
  const nowMs = clock()
  const user: User = {
    id: wanted.id ?? randomUUID(),
    username,
    passwordHash: await passwords.hash(wanted.password),
    passwordChangedAtMs: nowMs,
    disabledAtMs: null,
    roles: wanted.roles
  }
  await store.transaction(async trx => {
    if (!(await trx.users.create(user, nowMs))) throw new NameTakenError('user', username)
    await administration.audit(trx, {
      action: 'user.create',
      outcome: 'success',
      resource: { type: 'user', id: user.id },
      detail: { username, roles: [...user.roles] }
    })
  })
  return user
}

/**
 * Sets the roles. The sessions live on, their access tokens are revoked: the next refresh carries the new roles.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function setRoles(
  administration: Administration,
  userId: string,
  roles: readonly string[]
): Promise<void> {
  refuseRoles(roles)
  await changeUser(administration, userId, async (trx, user) => {
    await trx.users.setRoles(userId, roles)
    await revokeAccessTokensOfSessions(
      trx,
      await trx.sessions.lockLiveOfUser(userId),
      administration.statusListSize,
      administration.clock()
    )
    await administration.audit(trx, {
      action: 'user.set-roles',
      outcome: 'success',
      resource: { type: 'user', id: userId },
      detail: { before: [...user.roles], after: [...roles] }
    })
  })
}

/**
 * Sets the password and ends all sessions of the user.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function setPassword(administration: Administration, userId: string, password: string): Promise<void> {
  refusePassword(password)
  const passwordHash = await administration.passwords.hash(password)
  await changeUser(administration, userId, async trx => {
    const nowMs = administration.clock()
    await trx.users.setPasswordHash(userId, passwordHash, nowMs)
    await endSessions(trx, { kind: 'user', userId }, 'password-changed', nowMs)
    await administration.audit(trx, {
      action: 'user.set-password',
      outcome: 'success',
      resource: { type: 'user', id: userId }
    })
  })
}

/**
 * Disables the user and ends all sessions.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function disableUser(administration: Administration, userId: string): Promise<void> {
  await changeUser(administration, userId, async trx => {
    const nowMs = administration.clock()
    await trx.users.setDisabled(userId, nowMs)
    await endSessions(trx, { kind: 'user', userId }, 'user-disabled', nowMs)
    await administration.audit(trx, {
      action: 'user.disable',
      outcome: 'success',
      resource: { type: 'user', id: userId }
    })
  })
}

/**
 * Lets a disabled user log in again.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function enableUser(administration: Administration, userId: string): Promise<void> {
  await changeUser(administration, userId, async trx => {
    await trx.users.setDisabled(userId, null)
    await administration.audit(trx, {
      action: 'user.enable',
      outcome: 'success',
      resource: { type: 'user', id: userId }
    })
  })
}

/** Under the lock that logins respect: no session starts between the change and the end of the transaction. */
async function changeUser(
  { store }: Administration,
  userId: string,
  change: (trx: Store, user: User) => Promise<void>
): Promise<void> {
  await store.transaction(async trx => {
    await trx.users.lockForChange(userId)
    const user = await trx.users.find(userId)
    if (user === null) throw new UnknownSubjectError('user', userId)
    await change(trx, user)
  })
}

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

function refusePassword(password: string): void {
  if (password === '' || !isStorable(password)) {
    throw new InvalidValueError('the password is empty, has a NUL or is not well-formed Unicode')
  }
}

function refuseRoles(roles: readonly string[]): void {
  for (const role of roles) {
    if (!ROLE.test(role)) throw new InvalidValueError(`${JSON.stringify(role)} is not a role name`)
  }
}
