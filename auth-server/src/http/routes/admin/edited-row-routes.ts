import Type, { type Static, type TObject } from 'typebox'
import { Value } from 'typebox/value'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import { rowSummary } from '../../../administration/edit-rows.ts'
import { InvalidValueError } from '../../../errors.ts'
import type { ExpectedVersion } from '../../../administration/versions.ts'
import { ADMIN_ACCESS } from './access.ts'
import { expectedVersion, sendVersioned } from './entity-tags.ts'

interface AnyRow {
  readonly version: number
  readonly disabledAtMs: number | null
}

/** Where rows of a kind are, what their bodies hold, and the functions behind them. */
export interface EditedRowRoutes<Key, Row extends AnyRow, New extends TObject, Changes extends TObject> {
  /** Type of the resource in the trail. */
  readonly type: string
  /** Path of all, and name of the list in its answer. */
  readonly plural: string
  /** What follows the path of all for one row; its last parameter is `idParameter`. */
  readonly path: string
  readonly idParameter: string
  readonly params: TObject
  readonly keyOf: (params: Readonly<Record<string, string>>) => Key
  readonly newBody: New
  readonly changeBody: Changes
  readonly list: (administration: Administration) => Promise<readonly Row[]>
  readonly find: (administration: Administration, key: Key) => Promise<Row>
  readonly create: (administration: Administration, wanted: Static<New>) => Promise<Row>
  readonly change: (
    administration: Administration,
    key: Key,
    changes: Static<Changes>,
    expected: ExpectedVersion
  ) => Promise<Row>
  readonly disable: (administration: Administration, key: Key, expected: ExpectedVersion) => Promise<Row>
  readonly enable: (administration: Administration, key: Key, expected: ExpectedVersion) => Promise<Row>
  /** Parameters of a deletion; none by default. */
  readonly removalQuery?: TObject
  readonly remove: (
    administration: Administration,
    key: Key,
    expected: ExpectedVersion,
    query: Readonly<Record<string, string>>
  ) => Promise<void>
}

/** Create, list, show, edit, disable, enable and delete, for administrators; `If-Match` is honoured. */
export function editedRowRoutes<Key, Row extends AnyRow, New extends TObject, Changes extends TObject>(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration,
  kind: EditedRowRoutes<Key, Row, New, Changes>
): void {
  type Params = Readonly<Record<string, string>>
  const all = `/admin/${kind.plural}`
  const one = `${all}/${kind.path}`
  const audited = (verb: string) => ({
    access: ADMIN_ACCESS,
    audit: { action: `${kind.type}.${verb}`, resource: { type: kind.type, parameter: kind.idParameter } }
  })
  const schema = { params: kind.params }

  fastify.get(
    all,
    { config: { access: ADMIN_ACCESS, audit: { action: `${kind.type}.list` } } },
    async function answerRows(request) {
      return { [kind.plural]: (await kind.list(administrationOf(request))).map(rowSummary) }
    }
  )

  fastify.post(
    all,
    { schema: { body: kind.newBody }, config: { access: ADMIN_ACCESS, audit: { action: `${kind.type}.create` } } },
    async function answerCreateRow(request, reply) {
      const wanted = checkedBody(kind.newBody, request.body)
      return sendVersioned(reply, 201, rowSummary(await kind.create(administrationOf(request), wanted)))
    }
  )

  fastify.get<{ Params: Params }>(one, { schema, config: audited('show') }, async function answerRow(request, reply) {
    return sendVersioned(reply, 200, rowSummary(await kind.find(administrationOf(request), kind.keyOf(request.params))))
  })

  fastify.patch<{ Params: Params }>(
    one,
    { schema: { ...schema, body: kind.changeBody }, config: audited('change') },
    async function answerChangeRow(request, reply) {
      const key = kind.keyOf(request.params)
      const row = await kind.change(
        administrationOf(request),
        key,
        checkedBody(kind.changeBody, request.body),
        expectedVersion(request)
      )
      return sendVersioned(reply, 200, rowSummary(row))
    }
  )

  for (const verb of ['disable', 'enable'] as const) {
    fastify.post<{ Params: Params }>(
      `${one}/${verb}`,
      { schema, config: audited(verb) },
      async function answerToggleRow(request, reply) {
        const key = kind.keyOf(request.params)
        return sendVersioned(
          reply,
          200,
          rowSummary(await kind[verb](administrationOf(request), key, expectedVersion(request)))
        )
      }
    )
  }

  fastify.delete<{ Params: Params; Querystring: Params }>(
    one,
    {
      schema: { ...schema, ...(kind.removalQuery !== undefined && { querystring: kind.removalQuery }) },
      config: audited('delete')
    },
    async function answerDelete(request, reply) {
      const { params, query } = request
      await kind.remove(administrationOf(request), kind.keyOf(params), expectedVersion(request), query)
      return await reply.code(204).send()
    }
  )
}

/** A body that its route's schema has let in, with its type. */
function checkedBody<Schema extends TObject>(schema: Schema, body: unknown): Static<Schema> {
  if (!Value.Check(schema, body)) throw new InvalidValueError('the body')
  return body
}

/** Bodies hold what their schema names, and nothing else. */
export const NOTHING_ELSE = { additionalProperties: false } as const

/** A name in a path. */
export const PathName = Type.String({ minLength: 1, maxLength: 200 })

/** Texts for people, by language. */
export const DescriptionsField = Type.Optional(
  Type.Record(Type.String(), Type.String({ maxLength: 500 }), { maxProperties: 50 })
)
