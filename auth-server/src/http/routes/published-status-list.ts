import type { FastifyInstance } from 'fastify'
import { StatusListNotFoundError } from '../../errors.ts'
import type { AuthorizationServer } from '../../protocol/authorization-server.ts'

const LIST_ID = /^[0-9a-f-]{36}$/

/**
 * `GET /oauth2/status-lists/:listId`, with conditional requests. @see draft-ietf-oauth-status-list, "Status List
 * Request"
 */
export function statusListRoute(
  fastify: FastifyInstance,
  server: Pick<AuthorizationServer, 'publishStatusList'>
): void {
  fastify.get<{ Params: { listId: string } }>(
    '/oauth2/status-lists/:listId',
    { config: { access: 'public', audit: 'none' } },
    async function answerStatusList(request, reply) {
      const { listId } = request.params
      const published = LIST_ID.test(listId) ? await server.publishStatusList(listId) : null
      if (published === null) throw new StatusListNotFoundError()
      void reply.headers({ etag: published.entityTag, 'cache-control': 'no-cache' })
      if (matches(request.headers['if-none-match'], published.entityTag)) return reply.code(304).send()
      return reply.type('application/statuslist+jwt').send(published.token)
    }
  )
}

/** Weak comparison. @see RFC 9110 §13.1.2 */
function matches(condition: string | undefined, entityTag: string): boolean {
  if (condition === undefined) return false
  return (
    condition.trim() === '*' || condition.split(',').some(tag => tag.trim().replace(/^(?!W\/)/, 'W/') === entityTag)
  )
}
