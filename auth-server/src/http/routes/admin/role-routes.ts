import Type from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import { findRow } from '../../../administration/edit-rows.ts'
import {
  changeRole,
  createRole,
  deleteRole,
  disableRole,
  enableRole,
  listRoles,
  ROLE_ROWS,
  roleSummary
} from '../../../administration/roles.ts'
import { DescriptionsField, editedRowRoutes, NOTHING_ELSE } from './edited-row-routes.ts'

const RoleName = Type.String({ minLength: 1, maxLength: 64 })

/** `/admin/roles`. An answer has how many users have the role and which scopes need it. */
export function roleAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration
): void {
  editedRowRoutes(fastify, administrationOf, {
    type: 'role',
    plural: 'roles',
    path: ':role',
    idParameter: 'role',
    params: Type.Object({ role: RoleName }),
    keyOf: ({ role = '' }) => role,
    newBody: Type.Object({ name: Type.String(), descriptions: DescriptionsField }, NOTHING_ELSE),
    changeBody: Type.Object({ descriptions: DescriptionsField }, NOTHING_ELSE),
    removalQuery: Type.Object({ takeFromUsers: Type.Optional(Type.Enum(['true', 'false'])) }, NOTHING_ELSE),
    list: listRoles,
    find: async (parts, name) => await roleSummary(parts, await findRow(parts.store, ROLE_ROWS, name)),
    create: async (parts, wanted) => await roleSummary(parts, await createRole(parts, wanted)),
    change: async (parts, ...change) => await roleSummary(parts, await changeRole(parts, ...change)),
    disable: async (parts, ...change) => await roleSummary(parts, await disableRole(parts, ...change)),
    enable: async (parts, ...change) => await roleSummary(parts, await enableRole(parts, ...change)),
    remove: async (parts, name, expected, { takeFromUsers }) => {
      await deleteRole(parts, name, expected, { takeFromUsers: takeFromUsers === 'true' })
    }
  })
}
