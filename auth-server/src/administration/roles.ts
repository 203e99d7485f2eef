import { revokeAccessTokensUsing } from '../accounts/sessions/revoke-access-tokens.ts'
import { InUseError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { Role, ScopeKey, User } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { auditUser } from './audit-user.ts'
import { descriptionMistakes, isRoleName, plainDescriptions, refuseMistakes } from './check-values.ts'
import { createRow, editRow, removeRow, type RowKind } from './edit-rows.ts'
import { refuseOwnRole } from './own-rows.ts'
import type { ExpectedVersion } from './versions.ts'

/** What may be edited of a role. */
export type RoleChanges = Partial<Pick<Role, 'descriptions'>>

/** A role with what depends on it. */
export interface RoleSummary extends Role {
  /** How many users have been given it. */
  readonly users: number
  /** The scopes that only users with this role get. */
  readonly scopes: readonly ScopeKey[]
}

/** Roles as rows that administrators edit. */
export const ROLE_ROWS: RowKind<string, Role> = {
  type: 'role',
  rows: store => store.roles,
  keyOf: ({ name }) => name,
  idOf: name => name,
  declared: ['name', 'descriptions']
}

/** Roles by name, with what depends on each. */
export async function listRoles({ store }: Pick<Administration, 'store'>): Promise<readonly RoleSummary[]> {
  const [roles, counts, scopes] = await Promise.all([
    store.roles.list(),
    store.users.countByRole(),
    store.scopes.list()
  ])
  return roles.map(role => ({
    ...role,
    users: counts.get(role.name) ?? 0,
    scopes: scopes
      .filter(({ requiredRole }) => requiredRole === role.name)
      .map(({ name, audience }) => ({ name, audience }))
  }))
}

/** A role with what depends on it. */
export async function roleSummary(administration: Pick<Administration, 'store'>, role: Role): Promise<RoleSummary> {
  const found = (await listRoles(administration)).find(({ name }) => name === role.name)
  return { users: 0, scopes: [], ...found, ...role }
}

/**
 * Creates a role.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 */
export async function createRole(
  administration: Administration,
  { name, descriptions = {} }: RoleChanges & { readonly name: string }
): Promise<Role> {
  const row: Role = { name, descriptions: plainDescriptions(descriptions), version: 1, disabledAtMs: null }
  refuseRole(row)
  return await createRow(administration, ROLE_ROWS, row, async () => {})
}

/**
 * Edits a role; given descriptions replace all that it has.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function changeRole(
  administration: Administration,
  name: string,
  { descriptions }: RoleChanges,
  expected: ExpectedVersion = null
): Promise<Role> {
  return await editRow(administration, ROLE_ROWS, { key: name, expected, verb: 'change' }, async (_trx, before) => {
    if (descriptions === undefined) return before
    const after = { ...before, descriptions: plainDescriptions(descriptions) }
    refuseRole(after)
    return after
  })
}

/**
 * Disables a role: it is in no token any more, and the access tokens of the sessions of those who have it are revoked.
 * The sessions go on without it. Users keep it, and it is theirs again when it is enabled.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the server's own
 */
export async function disableRole(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null
): Promise<Role> {
  refuseOwnRole(name)
  return await editRow(administration, ROLE_ROWS, { key: name, expected, verb: 'disable' }, async (trx, before) => {
    // No session of theirs starts before the change is committed.
    await trx.users.lockHolders(name)
    await revokeOfHolders(administration, trx, name)
    return { ...before, disabledAtMs: before.disabledAtMs ?? administration.clock() }
  })
}

/** Lets a disabled role count again, for sessions at their next refresh. */
export async function enableRole(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null
): Promise<Role> {
  const step = { key: name, expected, verb: 'enable' }
  return await editRow(administration, ROLE_ROWS, step, async (_trx, before) => ({ ...before, disabledAtMs: null }))
}

/**
 * Deletes a role that nothing needs. Asked to take it from its users, it does that first, with the effect of disabling
 * it and a row of the trail for each of them; a scope that needs it keeps it in any case.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE`, with what needs it
 */
export async function deleteRole(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null,
  { takeFromUsers = false }: { readonly takeFromUsers?: boolean } = {}
): Promise<void> {
  refuseOwnRole(name)
  await removeRow(administration, ROLE_ROWS, { key: name, expected }, async trx => {
    const scopes = (await trx.scopes.list()).filter(({ requiredRole }) => requiredRole === name)
    const holders = await trx.users.lockHolders(name)
    const needs = [
      ...scopes.map(scope => `scope ${scope.name} at ${scope.audience}`),
      ...(takeFromUsers || holders.length === 0 ? [] : [`${holders.length} ${holders.length === 1 ? 'user' : 'users'}`])
    ]
    if (needs.length > 0) throw new InUseError('role', name, needs.join(', '))
    await revokeOfHolders(administration, trx, name)
    for (const holder of holders) await takeRole(administration, trx, holder, name)
  })
}

async function takeRole(administration: Administration, trx: Store, holder: User, name: string): Promise<void> {
  await trx.users.setRoles(
    holder.id,
    holder.givenRoles.filter(role => role !== name)
  )
  await auditUser(administration, trx, 'user.set-roles', holder, await trx.users.find(holder.id))
}

async function revokeOfHolders({ statusListSize, clock }: Administration, trx: Store, name: string): Promise<void> {
  await revokeAccessTokensUsing(trx, { kind: 'role', role: name }, statusListSize, clock())
}

function refuseRole({ name, descriptions }: Role): void {
  refuseMistakes([
    ...(isRoleName(name)
      ? []
      : [`${JSON.stringify(name)} is not a role name: up to 64 of A-Z, 0-9 and _, a letter first`]),
    ...descriptionMistakes(descriptions)
  ])
}
