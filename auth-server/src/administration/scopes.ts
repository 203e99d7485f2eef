import { revokeAccessTokensUsing } from '../accounts/sessions/revoke-access-tokens.ts'
import { InUseError } from '../errors.ts'
import { isProtocolScope } from '../protocol/narrow-scopes.ts'
import type { Store } from '../store/contract.ts'
import type { Scope, ScopeKey } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { descriptionMistakes, isRoleName, plainDescriptions, refuseMistakes } from './check-values.ts'
import { createRow, editRow, removeRow, type RowKind } from './edit-rows.ts'
import { refuseOwnScope } from './own-rows.ts'
import type { ExpectedVersion } from './versions.ts'

/** A scope token without the comma, which separates names on the command line. @see RFC 6749 §3.3 */
const SCOPE_NAME = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,200}$/

/** What may be edited of a scope. */
export type ScopeChanges = Partial<Pick<Scope, 'requiredRole' | 'descriptions'>>

/** Scopes as rows that administrators edit. */
export const SCOPE_ROWS: RowKind<ScopeKey, Scope> = {
  type: 'scope',
  rows: store => store.scopes,
  keyOf: ({ name, audience }) => ({ name, audience }),
  idOf: ({ name, audience }) => `${name} at ${audience}`,
  declared: ['name', 'audience', 'requiredRole', 'descriptions']
}

/**
 * Creates a scope at an audience.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 */
export async function createScope(
  administration: Administration,
  { requiredRole = null, descriptions = {}, ...key }: ScopeKey & ScopeChanges
): Promise<Scope> {
  const row = withPlainLanguages({ ...key, requiredRole, descriptions, version: 1, disabledAtMs: null })
  return await createRow(administration, SCOPE_ROWS, row, async trx => {
    const isKnown = (await trx.audiences.find(row.audience)) !== null
    refuseMistakes([
      ...scopeMistakes(row),
      ...(isKnown ? [] : [`there is no audience ${row.audience}`]),
      ...(await requiredRoleMistakes(trx, row))
    ])
  })
}

/**
 * Edits a scope. With another role, the access tokens of sessions that have the scope are revoked: their next refresh
 * goes by the new one.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function changeScope(
  administration: Administration,
  key: ScopeKey,
  changes: ScopeChanges,
  expected: ExpectedVersion = null
): Promise<Scope> {
  return await editRow(administration, SCOPE_ROWS, { key, expected, verb: 'change' }, async (trx, before) => {
    const after = withPlainLanguages({ ...before, ...changes })
    const isOtherRole = after.requiredRole !== before.requiredRole
    refuseMistakes([...scopeMistakes(after), ...(isOtherRole ? await requiredRoleMistakes(trx, after) : [])])
    if (isOtherRole) {
      refuseOwnScope(before)
      await revokeTokens(administration, trx, before)
    }
    return after
  })
}

/**
 * Disables a scope: no token has it any more, and those that may have it are revoked. Sessions stay; their next refresh
 * is without it.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the server's own
 */
export async function disableScope(
  administration: Administration,
  key: ScopeKey,
  expected: ExpectedVersion = null
): Promise<Scope> {
  return await editRow(administration, SCOPE_ROWS, { key, expected, verb: 'disable' }, async (trx, before) => {
    refuseOwnScope(before)
    await revokeTokens(administration, trx, before)
    return { ...before, disabledAtMs: before.disabledAtMs ?? administration.clock() }
  })
}

/** Lets a disabled scope be granted again; sessions that were granted it have it at their next refresh. */
export async function enableScope(
  administration: Administration,
  key: ScopeKey,
  expected: ExpectedVersion = null
): Promise<Scope> {
  return await editRow(administration, SCOPE_ROWS, { key, expected, verb: 'enable' }, async (_trx, before) => ({
    ...before,
    disabledAtMs: null
  }))
}

/**
 * Deletes a scope, with the effect of disabling it. The last one of its name stays while a client is registered for it.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE`
 */
export async function deleteScope(
  administration: Administration,
  key: ScopeKey,
  expected: ExpectedVersion = null
): Promise<void> {
  await removeRow(administration, SCOPE_ROWS, { key, expected }, async (trx, before) => {
    refuseOwnScope(before)
    const isLast = (await trx.scopes.list()).filter(({ name }) => name === key.name).length === 1
    const clients = isLast ? (await trx.clients.list()).filter(({ scopes }) => scopes.includes(key.name)) : []
    if (clients.length > 0) {
      throw new InUseError('scope', key.name, clients.map(({ id }) => `client ${id}`).join(', '))
    }
    await revokeTokens(administration, trx, before)
  })
}

async function revokeTokens(administration: Administration, trx: Store, { name }: Scope): Promise<void> {
  const { statusListSize, clock } = administration
  await revokeAccessTokensUsing(trx, { kind: 'scope', scope: name }, statusListSize, clock())
}

const withPlainLanguages = (scope: Scope): Scope => ({ ...scope, descriptions: plainDescriptions(scope.descriptions) })

/** A scope may ask for a disabled role: nobody gets it until the role is enabled. */
async function requiredRoleMistakes(trx: Store, { requiredRole }: Scope): Promise<readonly string[]> {
  if (requiredRole === null || !isRoleName(requiredRole)) return []
  return (await trx.roles.find(requiredRole)) === null ? [`there is no role ${requiredRole}`] : []
}

function scopeMistakes({ name, requiredRole, descriptions }: Scope): string[] {
  const mistakes = []
  if (!SCOPE_NAME.test(name)) {
    mistakes.push('a scope is up to 200 printable characters without space, quote, \\ or comma')
  }
  if (isProtocolScope(name)) mistakes.push(`${name} belongs to no audience`)
  if (requiredRole !== null && !isRoleName(requiredRole)) {
    mistakes.push(`${JSON.stringify(requiredRole)} is not a role name`)
  }
  return [...mistakes, ...descriptionMistakes(descriptions)]
}
