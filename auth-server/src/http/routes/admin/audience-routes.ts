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
import { editedRowRoutes, NOTHING_ELSE, PathName } from './edited-row-routes.ts'

const audienceFields = { description: Type.Optional(Type.String()) }

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
    newBody: Type.Object({ name: Type.String(), ...audienceFields }, NOTHING_ELSE),
    changeBody: Type.Object(audienceFields, NOTHING_ELSE),
    list: async ({ store }) => await store.audiences.list(),
    find: async ({ store }, name) => await findRow(store, AUDIENCE_ROWS, name),
    create: createAudience,
    change: changeAudience,
    disable: disableAudience,
    enable: enableAudience,
    remove: deleteAudience
  })
}
