import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { randomUUID } from 'node:crypto'
import { passwordMistake } from '../accounts/passwords/password-policy.ts'
import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfSessions } from '../accounts/sessions/revoke-access-tokens.ts'
import { InUseError, InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { User } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { isRoleName, isStorableText } from './check-values.ts'
import { beforeAndAfter } from './audit-change.ts'
import { knownUser, userSummary } from './read-users.ts'
import { refuseOtherVersion, type ExpectedVersion } from './versions.ts'

/** A user to create. */
export interface NewUser {
  readonly username: string
  readonly password: string
  readonly roles: readonly string[]
  /** UUID; a random one by default. */
  readonly id?: string
}

/** What of a user an administrator edits; what is left out stays. */
export interface UserChanges {
  readonly username?: string
  readonly roles?: readonly string[]
}

/** What the trail says of a change. */
const AUDITED_USER_FIELDS = ['username', 'roles', 'disabled'] as const
/** Who has it administers: somebody has to. */
const ADMIN_ROLE = 'ADMIN'

/**
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function createUser(administration: Administration, wanted: NewUser): Promise<User> {
  const { store, clock, passwords } = administration
  const username = storableUsername(wanted.username)
  refusePassword(administration, wanted.password, username)
  refuseRoles(wanted.roles)
  const nowMs = clock()
  const user: User = {
    id: wanted.id ?? randomUUID(),
    username,
    passwordHash: await passwords.hash(wanted.password),
    passwordChangedAtMs: nowMs,
    disabledAtMs: null,
    roles: [...new Set(wanted.roles)].sort(),
    version: 1
  }
  await store.transaction(async trx => {
    if (!(await trx.users.create(user, nowMs))) throw new NameTakenError('user', username)
    await administration.audit(trx, {
      action: 'user.create',
      outcome: 'success',
      resource: { type: 'user', id: user.id },
      detail: beforeAndAfter(AUDITED_USER_FIELDS, null, userSummary(user))
    })
  })
  return user
}

/**
 * Sets the roles. The sessions live on, their access tokens are revoked: the next refresh carries the new roles.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the role of the last administrator
 */
export async function setRoles(
  administration: Administration,
  userId: string,
  roles: readonly string[],
  expected: ExpectedVersion = null
): Promise<User> {
  return await editUser(administration, userId, { roles }, expected, 'user.set-roles')
}

/**
 * Changes name and roles. A session lives on under another name, which its next refresh carries.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {VersionMismatchError} `SALLYPORT_AUTH_SERVER_VERSION_MISMATCH`
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the role of the last administrator
 */
export async function editUser(
  administration: Administration,
  userId: string,
  changes: UserChanges,
  expected: ExpectedVersion = null,
  action = 'user.edit'
): Promise<User> {
  const username = changes.username === undefined ? undefined : storableUsername(changes.username)
  const { roles } = changes
  refuseRoles(roles ?? [])
  const { statusListSize, clock } = administration
  return await changeUser(administration, { userId, expected, action }, async (trx, user) => {
    if (username !== undefined && username !== user.username && !(await trx.users.rename(userId, username))) {
      throw new NameTakenError('user', username)
    }
    if (roles === undefined) return
    if (!roles.includes(ADMIN_ROLE)) await refuseLastAdministrator(trx, user)
    await trx.users.setRoles(userId, roles)
    await revokeAccessTokensOfSessions(trx, await trx.sessions.lockLiveOfUser(userId), statusListSize, clock())
  })
}

/**
 * Sets the password and ends all sessions of the user.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function setPassword(administration: Administration, userId: string, password: string): Promise<void> {
  refusePassword(administration, password, (await knownUser(administration, userId)).username)
  const passwordHash = await administration.passwords.hash(password)
  await changeUser(administration, { userId, expected: null, action: 'user.set-password' }, async trx => {
    const nowMs = administration.clock()
    await trx.users.setPasswordHash(userId, passwordHash, nowMs)
    await endSessions(trx, { kind: 'user', userId }, 'password-changed', nowMs)
  })
}

/**
 * Disables the user and ends all sessions.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the last administrator
 */
export async function disableUser(
  administration: Administration,
  userId: string,
  expected: ExpectedVersion = null
): Promise<User> {
  return await changeUser(administration, { userId, expected, action: 'user.disable' }, async (trx, user) => {
    await refuseLastAdministrator(trx, user)
    const nowMs = administration.clock()
    await trx.users.setDisabled(userId, user.disabledAtMs ?? nowMs)
    await endSessions(trx, { kind: 'user', userId }, 'user-disabled', nowMs)
  })
}

/**
 * Lets a disabled user log in again.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 */
export async function enableUser(
  administration: Administration,
  userId: string,
  expected: ExpectedVersion = null
): Promise<User> {
  return await changeUser(administration, { userId, expected, action: 'user.enable' }, async trx => {
    await trx.users.setDisabled(userId, null)
  })
}

/**
 * Deletes the user and ends all sessions. The name is free at once; the id, which the trail goes by, is never given
 * again.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the last administrator
 */
export async function deleteUser(
  administration: Administration,
  userId: string,
  expected: ExpectedVersion = null
): Promise<void> {
  await changeUser(administration, { userId, expected, action: 'user.delete' }, async (trx, user) => {
    await refuseLastAdministrator(trx, user)
    const nowMs = administration.clock()
    await endSessions(trx, { kind: 'user', userId }, 'user-deleted', nowMs)
    await trx.users.remove(userId, nowMs)
  })
}

/**
 * Under the lock that logins respect: no session starts between the change and the end of the transaction. The row of
 * the trail, with before and after, is committed with the change.
 * @returns the user as changed; as it was, when it is gone
 */
async function changeUser(
  administration: Administration,
  about: { readonly userId: string; readonly expected: ExpectedVersion; readonly action: string },
  change: (trx: Store, user: User) => Promise<void>
): Promise<User> {
  const { userId, expected, action } = about
  return await administration.store.transaction(async trx => {
    await trx.users.lockForChange(userId)
    const before = await trx.users.find(userId)
    if (before === null) throw new UnknownSubjectError('user', userId)
    refuseOtherVersion(expected, 'user', userId, before)
    await change(trx, before)
    const after = await trx.users.find(userId)
    await administration.audit(trx, {
      action,
      outcome: 'success',
      resource: { type: 'user', id: userId },
      detail: beforeAndAfter(AUDITED_USER_FIELDS, userSummary(before), after === null ? null : userSummary(after))
    })
    return after ?? before
  })
}

/** Whoever takes the last administrator away locks everybody out of the administration. */
async function refuseLastAdministrator(trx: Store, { id, roles, disabledAtMs }: User): Promise<void> {
  if (!roles.includes(ADMIN_ROLE) || disabledAtMs !== null) return
  if ((await trx.users.countOthersWithRole(ADMIN_ROLE, id)) === 0) {
    throw new InUseError('user', id, 'there is no other administrator')
  }
}

function storableUsername(wanted: string): string {
  const username = normaliseUsername(wanted)
  if (username !== '' && isStorableText(username)) return username
  throw new InvalidValueError('the user name is empty or has characters that cannot be stored')
}

function refusePassword({ passwordPolicy }: Administration, password: string, username: string): void {
  const mistake = passwordMistake(password, username, passwordPolicy)
  if (mistake !== null) throw new InvalidValueError(`the password ${mistake}`)
}

function refuseRoles(roles: readonly string[]): void {
  for (const role of roles) {
    if (!isRoleName(role)) throw new InvalidValueError(`${JSON.stringify(role)} is not a role name`)
  }
}
