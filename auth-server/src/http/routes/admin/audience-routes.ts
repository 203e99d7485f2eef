import Type from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import {
  AUDIENCE_ROWS,
  changeAudience,
  createAudience,
  deleteAudience,
  disableAudience,
  enableAudience
} from '../../../administration/audiences.ts'
import { findRow } from '../../../administration/edit-rows.ts'
import { editedRowRoutes, PathName } from './edited-row-routes.ts'

const closed = { additionalProperties: false }
const edited = { description: Type.Optional(Type.String()) }

/** `/admin/audiences`. */
export function audienceAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration
): void {
  editedRowRoutes(fastify, administrationOf, {
    type: 'audience',
    plural: 'audiences',
    path: ':audience',
    idParameter: 'audience',
    params: Type.Object({ audience: PathName }),
    keyOf: ({ audience = '' }) => audience,
    newBody: Type.Object({ name: Type.String(), ...edited }, closed),
    changeBody: Type.Object(edited, closed),
    list: async ({ store }) => await store.audiences.list(),
    find: async ({ store }, name) => await findRow(store, AUDIENCE_ROWS, name),
    create: createAudience,
    change: changeAudience,
    disable: disableAudience,
    enable: enableAudience,
    remove: deleteAudience
  })
}
