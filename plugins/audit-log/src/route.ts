import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { ReadAuditLogOptions } from './options.ts'
import { parseAuditQuery, readAudit, type AuditPage, type AuditQuery } from './query.ts'
import { visibleJson } from './visible-text.ts'
import { auditUnavailable } from './audit-request.ts'

/** Reads the trail of this process for its own code, which has to ask who may read and to record that. */
export function createTrailReader(
  { db, sealer, writeTimeoutMs }: ReadAuditLogOptions,
  seal: () => Promise<unknown>
): (query: AuditQuery) => Promise<AuditPage> {
  return async query => {
    if (db === undefined) throw auditUnavailable(new Error('rows that are in no database are not read'))
    try {
      if (sealer !== false) await withDeadline(seal(), writeTimeoutMs)
      return await readAudit(db, query, { timeoutMs: writeTimeoutMs })
    } catch (error) {
      throw auditUnavailable(error)
    }
  }
}

/**
 * `GET <path>`: a page of the trail. Reading is recorded too. Committed rows are sealed first, so that a page has
 * everything that was acknowledged before the request.
 */
export function addAuditRoute(
  fastify: FastifyInstance,
  { db, route }: ReadAuditLogOptions,
  readSealed: (query: AuditQuery) => Promise<AuditPage>
): void {
  if (route === false || db === undefined) return
  fastify.get(
    route.path,
    { config: { access: route.access, audit: { action: 'audit.read' } } },
    async function readAuditTrail(request, reply) {
      const page = await readSealed(parseAuditQuery(request.query))
      return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
    }
  )
}
