import { revokeAccessTokensUsing } from '../accounts/sessions/revoke-access-tokens.ts'
import { InUseError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { Audience } from '../store/records.ts'
import type { Administration } from './administration.ts'
import { isStorableText, refuseMistakes } from './check-values.ts'
import { createRow, editRow, removeRow, type RowKind } from './edit-rows.ts'
import { refuseOwnAudience } from './own-rows.ts'
import type { ExpectedVersion } from './versions.ts'

const AUDIENCE_NAME = /^[A-Za-z0-9][\w.:/-]{0,199}$/
const LONGEST_AUDIENCE_DESCRIPTION = 500

/** What may be edited of an audience. */
export interface AudienceChanges {
  readonly description?: string
}

/** Audiences as rows that administrators edit. */
export const AUDIENCE_ROWS: RowKind<string, Audience> = {
  type: 'audience',
  rows: store => store.audiences,
  keyOf: ({ name }) => name,
  idOf: name => name,
  declared: ['name', 'description']
}

/**
 * Creates an audience: a resource server that tokens can be for.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`, with everything that is wrong
 * @throws {NameTakenError} `SALLYPORT_AUTH_SERVER_NAME_TAKEN`
 */
export async function createAudience(
  administration: Administration,
  { name, description = '' }: AudienceChanges & { readonly name: string }
): Promise<Audience> {
  const row: Audience = { name, description, version: 1, disabledAtMs: null }
  refuseAudience(row)
  return await createRow(administration, AUDIENCE_ROWS, row, async () => {})
}

/**
 * Edits an audience.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export async function changeAudience(
  administration: Administration,
  name: string,
  changes: AudienceChanges,
  expected: ExpectedVersion = null
): Promise<Audience> {
  return await editRow(administration, AUDIENCE_ROWS, { key: name, expected, verb: 'change' }, async (_trx, before) => {
    const after = { ...before, ...changes }
    refuseAudience(after)
    return after
  })
}

/**
 * Disables an audience: nobody gets a token for it, and the access tokens of sessions and clients at it are revoked.
 * The sessions stay, and go on when it is enabled.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE` for the server's own
 */
export async function disableAudience(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null
): Promise<Audience> {
  refuseOwnAudience(name)
  const nowMs = administration.clock()
  const step = { key: name, expected, verb: 'disable' }
  return await editRow(administration, AUDIENCE_ROWS, step, async (trx, before) => {
    await revokeAccessTokensUsing(trx, { kind: 'audience', audience: name }, administration.statusListSize, nowMs)
    return { ...before, disabledAtMs: before.disabledAtMs ?? nowMs }
  })
}

/** Lets tokens be issued for a disabled audience again. */
export async function enableAudience(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null
): Promise<Audience> {
  const step = { key: name, expected, verb: 'enable' }
  return await editRow(administration, AUDIENCE_ROWS, step, async (_trx, before) => ({ ...before, disabledAtMs: null }))
}

/**
 * Deletes an audience that nothing refers to.
 * @throws {InUseError} `SALLYPORT_AUTH_SERVER_IN_USE`, with the clients and scopes that do
 */
export async function deleteAudience(
  administration: Administration,
  name: string,
  expected: ExpectedVersion = null
): Promise<void> {
  refuseOwnAudience(name)
  await removeRow(administration, AUDIENCE_ROWS, { key: name, expected }, async trx => {
    const users = await referringTo(trx, name)
    if (users.length > 0) throw new InUseError('audience', name, users.join(', '))
    // Sessions of it can be left over from before their client was edited.
    const nowMs = administration.clock()
    await revokeAccessTokensUsing(trx, { kind: 'audience', audience: name }, administration.statusListSize, nowMs)
  })
}

async function referringTo(trx: Store, name: string): Promise<readonly string[]> {
  const scopes = await trx.scopes.ofAudience(name)
  const clients = (await trx.clients.list()).filter(({ ownAudience, defaultAudience, audiences }) =>
    [ownAudience, defaultAudience, ...audiences].includes(name)
  )
  return [...scopes.map(scope => `scope ${scope.name}`), ...clients.map(({ id }) => `client ${id}`)]
}

function refuseAudience({ name, description }: Audience): void {
  refuseMistakes([
    ...(AUDIENCE_NAME.test(name)
      ? []
      : ['an audience is up to 200 letters, digits, `.`, `_`, `:`, `/` or `-`, and begins with a letter or digit']),
    ...(description.length <= LONGEST_AUDIENCE_DESCRIPTION && isStorableText(description)
      ? []
      : [`a description is text of up to ${LONGEST_AUDIENCE_DESCRIPTION} characters`])
  ])
}
