import Type, { type Static } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Administration } from '../../../administration/administration.ts'
import { setClientLogout } from '../../../administration/client-logout.ts'
import { setClientProof } from '../../../administration/client-proof.ts'
import { createClient, disableClient, rotateSecret } from '../../../administration/clients.ts'
import type { Client } from '../../../store/records.ts'
import { ADMIN_ACCESS } from './access.ts'

const Names = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 100 })
const Method = Type.Union(
  (
    [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
      'none'
    ] as const
  ).map(name => Type.Literal(name))
)
const Proof = {
  jwks: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 10 })),
  certificateSubject: Type.Optional(
    Type.Object(
      {
        kind: Type.Union([Type.Literal('dn'), Type.Literal('dns'), Type.Literal('uri')]),
        value: Type.String({ minLength: 1, maxLength: 500 })
      },
      { additionalProperties: false }
    )
  ),
  certificateThumbprints: Type.Optional(Names),
  certificateBoundTokens: Type.Optional(Type.Boolean()),
  dpopBoundTokens: Type.Optional(Type.Boolean())
}
const ProofBody = Type.Object(Proof, { additionalProperties: false })
const Logout = {
  backchannelLogoutUri: Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()])),
  postLogoutRedirectUris: Type.Optional(Names)
}
const LogoutBody = Type.Object(Logout, { additionalProperties: false })
const NewClientBody = Type.Object(
  {
    ...Proof,
    ...Logout,
    authenticationMethods: Type.Optional(Type.Array(Method, { minItems: 1, maxItems: 6 })),
    id: Type.String(),
    name: Type.Optional(Type.String({ maxLength: 200 })),
    confidential: Type.Optional(Type.Boolean()),
    grantTypes: Names,
    scopes: Type.Optional(Names),
    ownAudience: Type.Optional(Type.String()),
    defaultAudience: Type.Optional(Type.String()),
    audiences: Type.Optional(Names),
    accessTokenFormat: Type.Optional(Type.Union([Type.Literal('jwt'), Type.Literal('opaque')])),
    redirectUris: Type.Optional(Names),
    firstParty: Type.Optional(Type.Boolean()),
    pushedRequestsRequired: Type.Optional(Type.Boolean())
  },
  { additionalProperties: false }
)
const ClientParams = Type.Object({ clientId: Type.String({ maxLength: 64 }) })
const SecretBody = Type.Object(
  { overlapSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }) },
  { additionalProperties: false }
)

function shown({ disabledAtMs, status: _status, ...client }: Client): object {
  return { ...client, disabled: disabledAtMs !== null }
}

const audited = (action: string) => ({
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
      return { clients: (await administrationOf(request).store.clients.list()).map(shown) }
    }
  )

  fastify.post<{ Body: Static<typeof NewClientBody> }>(
    '/admin/clients',
    { schema: { body: NewClientBody }, config: { access: ADMIN_ACCESS, audit: { action: 'client.create' } } },
    async function answerCreateClient(request, reply) {
      const { client, secret } = await createClient(administrationOf(request), request.body)
      return await reply.code(201).send({ ...shown(client), secret })
    }
  )

  fastify.post<{ Params: Static<typeof ClientParams>; Body: Static<typeof SecretBody> }>(
    '/admin/clients/:clientId/secrets',
    { schema: { params: ClientParams, body: SecretBody }, config: audited('client.rotate-secret') },
    async function answerRotateSecret(request, reply) {
      const secret = await rotateSecret(administrationOf(request), request.params.clientId, request.body.overlapSeconds)
      return await reply.code(201).send({ secret })
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: Static<typeof ProofBody> }>(
    '/admin/clients/:clientId/keys',
    { schema: { params: ClientParams, body: ProofBody }, config: audited('client.set-keys') },
    async function answerSetKeys(request, reply) {
      await setClientProof(administrationOf(request), request.params.clientId, request.body)
      return await reply.code(204).send()
    }
  )

  fastify.patch<{ Params: Static<typeof ClientParams>; Body: Static<typeof LogoutBody> }>(
    '/admin/clients/:clientId/logout',
    { schema: { params: ClientParams, body: LogoutBody }, config: audited('client.set-logout') },
    async function answerSetLogout(request, reply) {
      await setClientLogout(administrationOf(request), request.params.clientId, request.body)
      return await reply.code(204).send()
    }
  )

  fastify.post<{ Params: Static<typeof ClientParams> }>(
    '/admin/clients/:clientId/disable',
    { schema: { params: ClientParams }, config: audited('client.disable') },
    async function answerDisableClient(request, reply) {
      await disableClient(administrationOf(request), request.params.clientId)
      return await reply.code(204).send()
    }
  )
}
