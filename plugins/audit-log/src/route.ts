import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ReadAuditLogOptions } from './options.ts'
import { parseAuditQuery, readAudit } from './query.ts'
import { concealPersonal } from './privacy/read-personal.ts'
import { parsePersonalQuery, readPersonalAudit } from './privacy/search-personal.ts'
import { visibleJson } from './visible-text.ts'
import { auditUnavailable } from './audit-request.ts'

/**
 * `GET <path>`: a page of the trail, and `GET <path>/personal`: the same with what rows say of persons. Reading is
 * recorded too. Committed rows are sealed first, so that a page has everything that was acknowledged before the
 * request.
 */
export function addAuditRoute(
  fastify: FastifyInstance,
  options: ReadAuditLogOptions,
  seal: () => Promise<unknown>
): void {
  const { db, route, sealer, writeTimeoutMs: timeoutMs, privacy, joinHash } = options
  if (route === false || db === undefined) return

  async function readSealed<Page>(read: () => Promise<Page>): Promise<Page> {
    try {
      if (sealer !== false) await withDeadline(seal(), timeoutMs)
      return await read()
    } catch (error) {
      throw auditUnavailable(error)
    }
  }

  fastify.get(
    route.path,
    { config: { access: route.access, audit: { action: 'audit.read' } } },
    async function readAuditTrail(request, reply) {
      const query = parseAuditQuery(request.query)
      const { events, next } = await readSealed(() => readAudit(db, query, { timeoutMs }))
      return sendTrailPage(reply, { events: events.map(row => concealPersonal(row, options)), next })
    }
  )
  if (route.personalAccess === false) return
  fastify.get(
    `${route.path}/personal`,
    { config: { access: route.personalAccess, audit: { action: PERSONAL_READING } } },
    async function readPersonalTrail(request, reply) {
      const query = parsePersonalQuery(request.query)
      const { name: nameTried, sourceAddress, subject } = query
      const asked = { nameTried, sourceAddress, subject }
      // Before anything is read, and with what was asked for: a name and an address are sealed like any other.
      await request.audit(db, { action: PERSONAL_READING, outcome: 'success', detail: { asked } })
      const page = await readSealed(() => readPersonalAudit(db, query, { keys: privacy.keys, joinHash, timeoutMs }))
      return sendTrailPage(reply, page)
    }
  )
}

/** Action of rows that say who read what rows say of persons. */
const PERSONAL_READING = 'audit.read-personal'

function sendTrailPage(reply: FastifyReply, page: object): FastifyReply {
  return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
}
