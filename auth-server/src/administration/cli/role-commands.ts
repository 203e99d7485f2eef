import { findRow, rowSummary } from '../edit-rows.ts'
import type { Administration } from '../administration.ts'
import type { Role } from '../../store/records.ts'
import {
  changeRole,
  createRole,
  deleteRole,
  disableRole,
  enableRole,
  listRoles,
  ROLE_ROWS,
  roleSummary
} from '../roles.ts'
import { argument, DESCRIPTION_OPTION, descriptionsFrom, type Command } from './command.ts'

/** A role as its commands print it. */
const printedRole = async (administration: Administration, role: Role): Promise<unknown> =>
  rowSummary(await roleSummary(administration, role))

/** `roles …` */
export const ROLE_COMMANDS: readonly Command[] = [
  {
    name: 'roles list',
    arguments: [],
    options: {},
    help: 'Lists the roles: how many users have each, and which scopes need it.',
    run: async administration => (await listRoles(administration)).map(rowSummary)
  },
  {
    name: 'roles show',
    arguments: ['role'],
    options: {},
    help: 'Shows a role.',
    run: async (administration, args) =>
      await printedRole(administration, await findRow(administration.store, ROLE_ROWS, argument(args, 0)))
  },
  {
    name: 'roles create',
    arguments: ['role'],
    options: { description: DESCRIPTION_OPTION },
    help: 'Creates a role, which users can be given and scopes can need.',
    run: async (administration, args, values) =>
      await printedRole(
        administration,
        await createRole(administration, { name: argument(args, 0), ...descriptionsFrom(values) })
      )
  },
  {
    name: 'roles edit',
    arguments: ['role'],
    options: { description: DESCRIPTION_OPTION },
    help: 'Edits a role; --description replaces all its descriptions.',
    run: async (administration, args, values) =>
      await printedRole(administration, await changeRole(administration, argument(args, 0), descriptionsFrom(values)))
  },
  ...(
    [
      ['disable', disableRole, 'Disables a role: it leaves the tokens of those who have it, whose sessions go on.'],
      ['enable', enableRole, 'Enables a role again, for those who have it too.']
    ] as const
  ).map(([verb, change, help]): Command => ({
    name: `roles ${verb}`,
    arguments: ['role'],
    options: {},
    help,
    run: async (administration, args) =>
      await printedRole(administration, await change(administration, argument(args, 0)))
  })),
  {
    name: 'roles delete',
    arguments: ['role'],
    options: { 'take-from-users': { type: 'boolean', help: 'take it from those who have it first' } },
    help: 'Deletes a role that no scope needs and no user has.',
    run: async (administration, args, values) => {
      const takeFromUsers = values['take-from-users'] === true
      await deleteRole(administration, argument(args, 0), null, { takeFromUsers })
      return { deleted: argument(args, 0) }
    }
  }
]
