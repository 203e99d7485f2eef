import {
  AUDIENCE_ROWS,
  changeAudience,
  createAudience,
  deleteAudience,
  disableAudience,
  enableAudience,
  type AudienceChanges
} from '../audiences.ts'
import { findRow, rowSummary } from '../edit-rows.ts'
import {
  changeScope,
  createScope,
  deleteScope,
  disableScope,
  enableScope,
  SCOPE_ROWS,
  type ScopeChanges
} from '../scopes.ts'
import { argument, DESCRIPTION_OPTION, descriptionsFrom, type Command, type CommandValues } from './command.ts'

const AUDIENCE_OPTIONS = { description: { type: 'string', help: 'what it is, for administrators' } } as const
const SCOPE_OPTIONS = {
  'required-role': { type: 'string', help: 'users need this role; `none` for no role' },
  description: DESCRIPTION_OPTION
} as const

const scopeKeyFrom = (args: readonly string[]) => ({ name: argument(args, 0), audience: argument(args, 1) })

function audienceChangesFrom({ description }: CommandValues): AudienceChanges {
  return typeof description === 'string' ? { description } : {}
}

function scopeChangesFrom(values: CommandValues): ScopeChanges {
  const { 'required-role': role } = values
  return {
    ...(typeof role === 'string' && { requiredRole: role === 'none' ? null : role }),
    ...descriptionsFrom(values)
  }
}

/** `audiences …` */
const AUDIENCE_COMMANDS: readonly Command[] = [
  {
    name: 'audiences list',
    arguments: [],
    options: {},
    help: 'Lists the audiences: the resource servers that tokens are for.',
    run: async ({ store }) => (await store.audiences.list()).map(rowSummary)
  },
  {
    name: 'audiences show',
    arguments: ['audience'],
    options: {},
    help: 'Shows an audience.',
    run: async ({ store }, args) => rowSummary(await findRow(store, AUDIENCE_ROWS, argument(args, 0)))
  },
  {
    name: 'audiences create',
    arguments: ['audience'],
    options: AUDIENCE_OPTIONS,
    help: 'Creates an audience.',
    run: async (administration, args, values) =>
      rowSummary(await createAudience(administration, { name: argument(args, 0), ...audienceChangesFrom(values) }))
  },
  {
    name: 'audiences edit',
    arguments: ['audience'],
    options: AUDIENCE_OPTIONS,
    help: 'Edits an audience.',
    run: async (administration, args, values) =>
      rowSummary(await changeAudience(administration, argument(args, 0), audienceChangesFrom(values)))
  },
  ...(
    [
      ['disable', disableAudience, 'Disables an audience: no more tokens for it, and its access tokens are revoked.'],
      ['enable', enableAudience, 'Enables an audience again.']
    ] as const
  ).map(([verb, change, help]): Command => ({
    name: `audiences ${verb}`,
    arguments: ['audience'],
    options: {},
    help,
    run: async (administration, args) => rowSummary(await change(administration, argument(args, 0)))
  })),
  {
    name: 'audiences delete',
    arguments: ['audience'],
    options: {},
    help: 'Deletes an audience that no scope and no client names.',
    run: async (administration, args) => {
      await deleteAudience(administration, argument(args, 0))
      return { deleted: argument(args, 0) }
    }
  }
]

/** `scopes …`, `audiences …`. */
export const REGISTRY_COMMANDS: readonly Command[] = [
  ...AUDIENCE_COMMANDS,
  {
    name: 'scopes list',
    arguments: [],
    options: {},
    help: 'Lists the scopes of all audiences.',
    run: async ({ store }) => (await store.scopes.list()).map(rowSummary)
  },
  {
    name: 'scopes show',
    arguments: ['scope', 'audience'],
    options: {},
    help: 'Shows a scope.',
    run: async ({ store }, args) => rowSummary(await findRow(store, SCOPE_ROWS, scopeKeyFrom(args)))
  },
  {
    name: 'scopes create',
    arguments: ['scope', 'audience'],
    options: SCOPE_OPTIONS,
    help: 'Creates a scope at an audience.',
    run: async (administration, args, values) =>
      rowSummary(await createScope(administration, { ...scopeKeyFrom(args), ...scopeChangesFrom(values) }))
  },
  {
    name: 'scopes edit',
    arguments: ['scope', 'audience'],
    options: SCOPE_OPTIONS,
    help: 'Edits a scope; --description replaces all its descriptions.',
    run: async (administration, args, values) =>
      rowSummary(await changeScope(administration, scopeKeyFrom(args), scopeChangesFrom(values)))
  },
  ...(
    [
      ['disable', disableScope, 'Disables a scope: no more tokens with it, and those that have it are revoked.'],
      ['enable', enableScope, 'Enables a scope again.']
    ] as const
  ).map(([verb, change, help]): Command => ({
    name: `scopes ${verb}`,
    arguments: ['scope', 'audience'],
    options: {},
    help,
    run: async (administration, args) => rowSummary(await change(administration, scopeKeyFrom(args)))
  })),
  {
    name: 'scopes delete',
    arguments: ['scope', 'audience'],
    options: {},
    help: 'Deletes a scope; the last one of its name stays while a client is registered for it.',
    run: async (administration, args) => {
      await deleteScope(administration, scopeKeyFrom(args))
      return { deleted: scopeKeyFrom(args) }
    }
  }
]
