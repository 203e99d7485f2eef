import Type, { type Static } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sessionSummary } from '../../../accounts/sessions/session-summary.ts'
import type { Administration } from '../../../administration/administration.ts'
import { endSessionsOf, listSessions } from '../../../administration/session-administration.ts'
import { knownUser, listUsers, userSummary } from '../../../administration/read-users.ts'
import {
  createUser,
  deleteUser,
  disableUser,
  editUser,
  enableUser,
  setPassword,
  setRoles
} from '../../../administration/user-administration.ts'
import { UnknownSessionError } from '../../../errors.ts'
import { ADMIN_ACCESS } from './access.ts'
import { expectedVersion, sendVersioned } from './entity-tags.ts'

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' })
const UserParams = Type.Object({ userId: Uuid })
const SessionParams = Type.Object({ sessionId: Uuid })
const Roles = Type.Array(Type.String(), { maxItems: 50 })
const NewUserBody = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 200 }),
    password: Type.String({ minLength: 1, maxLength: 4096 }),
    roles: Roles
  },
  { additionalProperties: false }
)
const UserChangesBody = Type.Object(
  { username: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })), roles: Type.Optional(Roles) },
  { additionalProperties: false, minProperties: 1 }
)
const UserPageQuery = Type.Object(
  {
    after: Type.Optional(Type.String({ maxLength: 200 })),
    limit: Type.Optional(Type.String({ pattern: '^(?:[1-9][0-9]{0,2}|1000)$' }))
  },
  { additionalProperties: false }
)
const RolesBody = Type.Object({ roles: Roles }, { additionalProperties: false })
const PasswordBody = Type.Object(
  { password: Type.String({ minLength: 1, maxLength: 4096 }) },
  { additionalProperties: false }
)

const auditedUserAct = (action: string) => ({
  access: ADMIN_ACCESS,
  audit: { action, resource: { type: 'user', parameter: 'userId' } }
})

/** Users and anybody's sessions, for administrators. */
export function userAdminRoutes(
  fastify: FastifyInstance,
  administrationOf: (request: FastifyRequest) => Administration
): void {
  fastify.get<{ Querystring: Static<typeof UserPageQuery> }>(
    '/admin/users',
    { schema: { querystring: UserPageQuery }, config: { access: ADMIN_ACCESS, audit: { action: 'user.list' } } },
    async function answerUsers(request) {
      const { after = '', limit = '100' } = request.query
      return await listUsers(administrationOf(request), { after, limit: Number(limit) })
    }
  )

  fastify.get<{ Params: Static<typeof UserParams> }>(
    '/admin/users/:userId',
    { schema: { params: UserParams }, config: auditedUserAct('user.show') },
    async function answerUser(request, reply) {
      return sendVersioned(reply, 200, userSummary(await knownUser(administrationOf(request), request.params.userId)))
    }
  )

  fastify.patch<{ Params: Static<typeof UserParams>; Body: Static<typeof UserChangesBody> }>(
    '/admin/users/:userId',
    { schema: { params: UserParams, body: UserChangesBody }, config: auditedUserAct('user.edit') },
    async function answerEditUser(request, reply) {
      const { params, body } = request
      const user = await editUser(administrationOf(request), params.userId, body, expectedVersion(request))
      return sendVersioned(reply, 200, userSummary(user))
    }
  )

  fastify.delete<{ Params: Static<typeof UserParams> }>(
    '/admin/users/:userId',
    { schema: { params: UserParams }, config: auditedUserAct('user.delete') },
    async function answerDeleteUser(request, reply) {
      await deleteUser(administrationOf(request), request.params.userId, expectedVersion(request))
      return await reply.code(204).send()
    }
  )

  fastify.post<{ Body: Static<typeof NewUserBody> }>(
    '/admin/users',
    { schema: { body: NewUserBody }, config: { access: ADMIN_ACCESS, audit: { action: 'user.create' } } },
    async function answerCreateUser(request, reply) {
      return sendVersioned(reply, 201, userSummary(await createUser(administrationOf(request), request.body)))
    }
  )

  fastify.put<{ Params: Static<typeof UserParams>; Body: Static<typeof RolesBody> }>(
    '/admin/users/:userId/roles',
    { schema: { params: UserParams, body: RolesBody }, config: auditedUserAct('user.set-roles') },
    async function answerSetRoles(request, reply) {
      const { params, body } = request
      await setRoles(administrationOf(request), params.userId, body.roles, expectedVersion(request))
      return await reply.code(204).send()
    }
  )

  fastify.put<{ Params: Static<typeof UserParams>; Body: Static<typeof PasswordBody> }>(
    '/admin/users/:userId/password',
    { schema: { params: UserParams, body: PasswordBody }, config: auditedUserAct('user.set-password') },
    async function answerSetPassword(request, reply) {
      const { params, body } = request
      await setPassword(administrationOf(request), params.userId, body.password, expectedVersion(request))
      return await reply.code(204).send()
    }
  )

  for (const [verb, change] of [
    ['disable', disableUser],
    ['enable', enableUser]
  ] as const) {
    fastify.post<{ Params: Static<typeof UserParams> }>(
      `/admin/users/:userId/${verb}`,
      { schema: { params: UserParams }, config: auditedUserAct(`user.${verb}`) },
      async function answerChange(request, reply) {
        await change(administrationOf(request), request.params.userId, expectedVersion(request))
        return await reply.code(204).send()
      }
    )
  }

  fastify.get<{ Params: Static<typeof UserParams> }>(
    '/admin/users/:userId/sessions',
    { schema: { params: UserParams }, config: auditedUserAct('session.list') },
    async function answerSessions(request) {
      const sessions = await listSessions(administrationOf(request), request.params.userId)
      return { sessions: sessions.map(session => sessionSummary(session, request.principal?.sessionId ?? null)) }
    }
  )

  fastify.delete<{ Params: Static<typeof UserParams> }>(
    '/admin/users/:userId/sessions',
    { schema: { params: UserParams }, config: auditedUserAct('session.end-all') },
    async function answerEndAll(request) {
      return { ended: await endSessionsOf(administrationOf(request), { kind: 'user', userId: request.params.userId }) }
    }
  )

  fastify.delete<{ Params: Static<typeof SessionParams> }>(
    '/admin/sessions/:sessionId',
    {
      schema: { params: SessionParams },
      config: {
        access: ADMIN_ACCESS,
        audit: { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } }
      }
    },
    async function answerEnd(request, reply) {
      if (
        (await endSessionsOf(administrationOf(request), { kind: 'session', sessionId: request.params.sessionId })) === 0
      ) {
        throw new UnknownSessionError()
      }
      return await reply.code(204).send()
    }
  )
}
