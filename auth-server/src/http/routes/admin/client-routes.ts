import Type, { type Static, type TObject, type TSchema } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import {
  clientSummary,
  createClient,
  disableClient,
  KEY_FIELDS,
  LOGOUT_FIELDS,
  rotateSecret,
  setClientLogout,
  setClientProof,
  type NewClientLogout,
  type NewClientProof
} from '../../../administration/client-administration.ts'
import type { NewClient } from '../../../administration/new-client.ts'
import { CLIENT_METHOD_NAMES } from '../../../protocol/client-authentication/methods.ts'
import { CLIENT_FIELD_LIST, type ClientField } from '../../../store/client-fields.ts'
import { ADMIN_ACCESS } from './access.ts'

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
      return await reply.code(201).send({ ...clientSummary(client), secret })
    }
  )

  fastify.post<{ Params: Static<typeof ClientParams>; Body: Static<typeof SecretBody> }>(
    '/admin/clients/:clientId/secrets',
    { schema: { params: ClientParams, body: SecretBody }, config: clientChange('client.rotate-secret') },
    async function answerRotateSecret(request, reply) {
      const secret = await rotateSecret(administrationOf(request), request.params.clientId, request.body.overlapSeconds)
      return await reply.code(201).send({ secret })
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: NewClientProof }>(
    '/admin/clients/:clientId/keys',
    { schema: { params: ClientParams, body: KeysBody }, config: clientChange('client.set-keys') },
    async function answerSetKeys(request, reply) {
      await setClientProof(administrationOf(request), request.params.clientId, request.body)
      return await reply.code(204).send()
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: NewClientLogout }>(
    '/admin/clients/:clientId/logout',
    { schema: { params: ClientParams, body: LogoutBody }, config: clientChange('client.set-logout') },
    async function answerSetLogout(request, reply) {
      await setClientLogout(administrationOf(request), request.params.clientId, request.body)
      return await reply.code(204).send()
    }
  )

  fastify.post<{ Params: Static<typeof ClientParams> }>(
    '/admin/clients/:clientId/disable',
    { schema: { params: ClientParams }, config: clientChange('client.disable') },
    async function answerDisableClient(request, reply) {
      await disableClient(administrationOf(request), request.params.clientId)
      return await reply.code(204).send()
    }
  )
}
