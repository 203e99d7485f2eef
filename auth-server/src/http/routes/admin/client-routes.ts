import Type, { type Static, type TObject, type TSchema } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import { deleteClient, disableClient, enableClient } from '../../../administration/end-clients.ts'
import { clientSummary, findClient } from '../../../administration/locked-client.ts'
import {
  changeClient,
  createClient,
  KEY_FIELDS,
  LOGOUT_FIELDS,
  rotateSecret,
  setClientLogout,
  setClientProof,
  type NewClientLogout,
  type NewClientProof
} from '../../../administration/client-administration.ts'
import type { ClientChanges, NewClient } from '../../../administration/new-client.ts'
import { CLIENT_METHOD_NAMES } from '../../../protocol/client-authentication/methods.ts'
import { CLIENT_FIELD_LIST, type ClientField } from '../../../store/client-fields.ts'
import { ADMIN_ACCESS } from './access.ts'
import { expectedVersion, sendVersioned, sendVersionOnly } from './entity-tags.ts'

/** Which methods there are is for their table to say. */
const MethodNames = Type.Array(Type.Enum([...CLIENT_METHOD_NAMES]), { minItems: 1, uniqueItems: true })

/** Bodies with these fields of a client and no others; what has no value at first is required. */
function bodyWith(fields: readonly ClientField[]): TObject {
  const schemas = fields.map(({ name, schema, initial }): [string, TSchema] => {
    const bounded = name === 'authenticationMethods' ? MethodNames : schema
    return [name, initial === undefined ? bounded : Type.Optional(bounded)]
  })
  return Type.Object(Object.fromEntries(schemas), { additionalProperties: false })
}

const among = (names: readonly string[]): readonly ClientField[] =>
  CLIENT_FIELD_LIST.filter(({ name }) => names.includes(name))

const NewClientBody = bodyWith(CLIENT_FIELD_LIST)
const ChangeBody = Type.Partial(bodyWith(CLIENT_FIELD_LIST.filter(({ name }) => name !== 'id')), {
  additionalProperties: false
})
const KeysBody = bodyWith(among(KEY_FIELDS))
const LogoutBody = bodyWith(among(LOGOUT_FIELDS))
const ClientParams = Type.Object({ clientId: Type.String({ maxLength: 64 }) })
const SecretBody = Type.Object(
  { overlapSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }) },
  { additionalProperties: false }
)

const clientChange = (action: string) => ({
  access: ADMIN_ACCESS,
  audit: { action, resource: { type: 'client', parameter: 'clientId' } }
})

/** Clients and their secrets, for administrators. A secret is in the answer that makes it, and nowhere else. */
export function clientAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration
): void {
  fastify.get(
    '/admin/clients',
    { config: { access: ADMIN_ACCESS, audit: { action: 'client.list' } } },
    async function listClients(request) {
      return { clients: (await administrationOf(request).store.clients.list()).map(clientSummary) }
    }
  )

  fastify.post<{ Body: NewClient }>(
    '/admin/clients',
    { schema: { body: NewClientBody }, config: { access: ADMIN_ACCESS, audit: { action: 'client.create' } } },
    async function answerCreateClient(request, reply) {
      const { client, secret } = await createClient(administrationOf(request), request.body)
      return sendVersioned(reply, 201, { ...clientSummary(client), secret })
    }
  )

  fastify.get<{ Params: Static<typeof ClientParams> }>(
    '/admin/clients/:clientId',
    { schema: { params: ClientParams }, config: clientChange('client.show') },
    async function answerClient(request, reply) {
      const client = await findClient(administrationOf(request).store, request.params.clientId)
      return sendVersioned(reply, 200, clientSummary(client))
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: Omit<ClientChanges, 'id'> }>(
    '/admin/clients/:clientId',
    { schema: { params: ClientParams, body: ChangeBody }, config: clientChange('client.change') },
    async function answerChangeClient(request, reply) {
      const client = await changeClient(administrationOf(request), request.params.clientId, request.body, {
        expected: expectedVersion(request)
      })
      return sendVersioned(reply, 200, clientSummary(client))
    }
  )

  fastify.delete<{ Params: Static<typeof ClientParams> }>(
    '/admin/clients/:clientId',
    { schema: { params: ClientParams }, config: clientChange('client.delete') },
    async function answerDeleteClient(request, reply) {
      await deleteClient(administrationOf(request), request.params.clientId, expectedVersion(request))
      return await reply.code(204).send()
    }
  )

  fastify.post<{ Params: Static<typeof ClientParams>; Body: Static<typeof SecretBody> }>(
    '/admin/clients/:clientId/secrets',
    { schema: { params: ClientParams, body: SecretBody }, config: clientChange('client.rotate-secret') },
    async function answerRotateSecret(request, reply) {
      const { params, body } = request
      const administration = administrationOf(request)
      const rotated = await rotateSecret(administration, params.clientId, body.overlapSeconds, expectedVersion(request))
      return sendVersioned(reply, 201, rotated)
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: NewClientProof }>(
    '/admin/clients/:clientId/keys',
    { schema: { params: ClientParams, body: KeysBody }, config: clientChange('client.set-keys') },
    async function answerSetKeys(request, reply) {
      const { params, body } = request
      const expected = expectedVersion(request)
      return sendVersionOnly(reply, await setClientProof(administrationOf(request), params.clientId, body, expected))
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: NewClientLogout }>(
    '/admin/clients/:clientId/logout',
    { schema: { params: ClientParams, body: LogoutBody }, config: clientChange('client.set-logout') },
    async function answerSetLogout(request, reply) {
      const { params, body } = request
      const expected = expectedVersion(request)
      return sendVersionOnly(reply, await setClientLogout(administrationOf(request), params.clientId, body, expected))
    }
  )

  for (const [verb, change] of [
    ['disable', disableClient],
    ['enable', enableClient]
  ] as const) {
    fastify.post<{ Params: Static<typeof ClientParams> }>(
      `/admin/clients/:clientId/${verb}`,
      { schema: { params: ClientParams }, config: clientChange(`client.${verb}`) },
      async function answerToggleClient(request, reply) {
        await change(administrationOf(request), request.params.clientId, expectedVersion(request))
        return await reply.code(204).send()
      }
    )
  }
}
