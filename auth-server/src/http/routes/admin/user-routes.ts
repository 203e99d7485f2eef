import Type, { type Static } from 'typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sessionSummary } from '../../../accounts/sessions/session-summary.ts'
import type { Administration } from '../../../administration/administration.ts'
import { endSessionsOf, listSessions } from '../../../administration/session-administration.ts'
import {
  createUser,
  disableUser,
  enableUser,
  setPassword,
  setRoles,
  userSummary
} from '../../../administration/user-administration.ts'
import { UnknownSessionError } from '../../../errors.ts'
import { ADMIN_ACCESS } from './access.ts'

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
  fastify.get(
    '/admin/users',
    { config: { access: ADMIN_ACCESS, audit: { action: 'user.list' } } },
    async function listUsers(request) {
      return { users: (await administrationOf(request).store.users.list()).map(userSummary) }
    }
  )

  fastify.post<{ Body: Static<typeof NewUserBody> }>(
    '/admin/users',
    { schema: { body: NewUserBody }, config: { access: ADMIN_ACCESS, audit: { action: 'user.create' } } },
    async function answerCreateUser(request, reply) {
      return await reply.code(201).send(userSummary(await createUser(administrationOf(request), request.body)))
    }
  )

  fastify.put<{ Params: Static<typeof UserParams>; Body: Static<typeof RolesBody> }>(
    '/admin/users/:userId/roles',
    { schema: { params: UserParams, body: RolesBody }, config: auditedUserAct('user.set-roles') },
    async function answerSetRoles(request, reply) {
      await setRoles(administrationOf(request), request.params.userId, request.body.roles)
      return await reply.code(204).send()
    }
  )

  fastify.put<{ Params: Static<typeof UserParams>; Body: Static<typeof PasswordBody> }>(
    '/admin/users/:userId/password',
    { schema: { params: UserParams, body: PasswordBody }, config: auditedUserAct('user.set-password') },
    async function answerSetPassword(request, reply) {
      await setPassword(administrationOf(request), request.params.userId, request.body.password)
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
        await change(administrationOf(request), request.params.userId)
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
