import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { ReadAuditLogOptions } from './options.ts'
import { parseAuditQuery, readAudit, type AuditPage, type AuditQuery } from './query.ts'
import { visibleJson } from './visible-text.ts'
import { auditUnavailable } from './audit-request.ts'

/**
 * `GET <path>`: a page of the trail. Reading is recorded too. Committed rows are sealed first, so that a page has
 * everything that was acknowledged before the request.
 */
export function addAuditRoute(
  fastify: FastifyInstance,
  { db, route, sealer, writeTimeoutMs }: ReadAuditLogOptions,
  seal: () => Promise<unknown>
): void {
  if (route === false || db === undefined) return
  const pool = db

  async function readSealed(query: AuditQuery): Promise<AuditPage> {
    try {
      if (sealer !== false) await withDeadline(seal(), writeTimeoutMs)
      return await readAudit(pool, query, { timeoutMs: writeTimeoutMs })
    } catch (error) {
      throw auditUnavailable(error)
    }
  }

  fastify.get(
    route.path,
    { config: { access: route.access, audit: { action: 'audit.read' } } },
    async function readAuditTrail(request, reply) {
      const page = await readSealed(parseAuditQuery(request.query))
      return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
    }
  )
}
