import type { FastifyInstance } from 'fastify'
import type { ResolvedOptions } from './options.ts'
import { parseAuditQuery, readAudit, visibleJson } from './query.ts'

/**
 * `GET <path>`: a page of the trail. Reading is itself recorded; what is committed is sealed first, so that a page
 * holds everything that was acknowledged before it was asked for.
 */
export function addAuditRoute (fastify: FastifyInstance, { db, route, sealer }: ResolvedOptions, seal: () => Promise<unknown>): void {
  if (route === false) return
  fastify.get(route.path, { config: { access: route.access, audit: { action: 'audit.read' } } }, async function readAuditTrail (request, reply) {
    const query = parseAuditQuery(request.query)
    if (sealer !== false) await seal()
    const page = await readAudit(db, query)
    return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
  })
}
