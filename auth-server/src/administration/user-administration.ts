import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { randomUUID } from 'node:crypto'
import { passwordMistake } from '../accounts/passwords/password-policy.ts'
import { endSessions } from '../accounts/sessions/end-sessions.ts'
import { revokeAccessTokensOfSessions } from '../accounts/sessions/revoke-access-tokens.ts'
import { InUseError, InvalidValueError, NameTakenError, UnknownSubjectError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { User } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { auditUser } from './audit-user.ts'
import { isRoleName, isStorableText, refuseMistakes } from './check-values.ts'
import { ADMIN_ROLE } from './own-rows.ts'
import { knownUser } from './read-users.ts'
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

/**
 * Creates a user, with roles that are there and enabled.
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function createUser(administration: Administration, wanted: NewUser): Promise<User> {
  const { store, clock, passwords } = administration
  const username = storableUsername(wanted.username)
  refusePassword(administration, wanted.password, username)
  const roles = [...new Set(wanted.roles)].sort()
  const nowMs = clock()
  const user: User = {
    id: wanted.id ?? randomUUID(),
    username,
    passwordHash: await passwords.hash(wanted.password),
    passwordChangedAtMs: nowMs,
    disabledAtMs: null,
    roles,
    givenRoles: roles,
    version: 1
  }
  await store.transaction(async trx => {
    if (roles.length > 0) await trx.audiences.lockRegistry()
    await refuseRoles(trx, roles)
    if (!(await trx.users.create(user, nowMs))) throw new NameTakenError('user', username)
    await auditUser(administration, trx, 'user.create', null, user)
  })
  return user
}

/**
 * Sets the roles; those that are new have to be there and enabled. The sessions live on, their access tokens are
 * revoked: the next refresh carries the new roles.
 * @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN`
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
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
  const { statusListSize, clock } = administration
  return await changeUser(administration, { userId, expected, action, roles }, async (trx, user) => {
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
export async function setPassword(
  administration: Administration,
  userId: string,
  password: string,
  expected: ExpectedVersion = null
): Promise<void> {
  refusePassword(administration, password, (await knownUser(administration, userId)).username)
  const passwordHash = await administration.passwords.hash(password)
  await changeUser(administration, { userId, expected, action: 'user.set-password' }, async trx => {
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
  about: {
    readonly userId: string
    readonly expected: ExpectedVersion
    readonly action: string
    /** The roles that the user gets. */
    readonly roles?: readonly string[] | undefined
  },
  change: (trx: Store, user: User) => Promise<void>
): Promise<User> {
  const { userId, expected, action, roles } = about
  return await administration.store.transaction(async trx => {
    // Before the lock of a user, as changes of roles do.
    if (roles !== undefined) await trx.audiences.lockRegistry()
    await trx.users.lockForChange(userId)
    const before = await trx.users.find(userId)
    if (before === null) throw new UnknownSubjectError('user', userId)
    refuseOtherVersion(expected, 'user', userId, before)
    // A role that the user has may be disabled: saving what is there changes nothing.
    await refuseRoles(
      trx,
      (roles ?? []).filter(name => !before.givenRoles.includes(name))
    )
    await change(trx, before)
    const after = await trx.users.find(userId)
    await auditUser(administration, trx, action, before, after)
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

/** Refuses roles that nobody can be given. Call it under the lock of the registry. */
async function refuseRoles(trx: Store, wanted: readonly string[]): Promise<void> {
  const mistakes: string[] = []
  for (const name of wanted) {
    const role = isRoleName(name) ? await trx.roles.find(name) : null
    if (!isRoleName(name)) mistakes.push(`${JSON.stringify(name)} is not a role name`)
    else if (role === null) mistakes.push(`there is no role ${name}`)
    else if (role.disabledAtMs !== null) mistakes.push(`the role ${name} is disabled`)
  }
  refuseMistakes(mistakes)
}
