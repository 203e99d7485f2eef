import Type from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import { findRow } from '../../../administration/edit-rows.ts'
import {
  changeScope,
  createScope,
  deleteScope,
  disableScope,
  enableScope,
  SCOPE_ROWS
} from '../../../administration/scopes.ts'
import { DescriptionsField, editedRowRoutes, NOTHING_ELSE, PathName } from './edited-row-routes.ts'

const scopeFields = {
  requiredRole: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
  descriptions: DescriptionsField
}

/** `/admin/scopes`: a scope is found by its audience and its name. */
export function scopeAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration
): void {
  editedRowRoutes(fastify, administrationOf, {
    type: 'scope',
    plural: 'scopes',
    path: ':audience/:scope',
    idParameter: 'scope',
    params: Type.Object({ audience: PathName, scope: PathName }),
    keyOf: ({ scope = '', audience = '' }) => ({ name: scope, audience }),
    newBody: Type.Object({ name: Type.String(), audience: Type.String(), ...scopeFields }, NOTHING_ELSE),
    changeBody: Type.Object(scopeFields, NOTHING_ELSE),
    list: async ({ store }) => await store.scopes.list(),
    find: async ({ store }, key) => await findRow(store, SCOPE_ROWS, key),
    create: createScope,
    change: changeScope,
    disable: disableScope,
    enable: enableScope,
    remove: deleteScope
  })
}
