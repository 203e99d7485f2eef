import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ReadAuditLogOptions } from './options.ts'
import { parseAuditQuery, type AuditPage, type AuditQuery } from './query.ts'
import { readAudit } from './search/read-audit.ts'
import { concealPersonal } from './privacy/read-personal.ts'
import { parsePersonalQuery, readPersonalAudit } from './privacy/search-personal.ts'
import { visibleJson } from './visible-text.ts'
import { askedOfTrail, noteAuditQuery } from './asked-query.ts'
import { auditUnavailable } from './audit-request.ts'

/** Reads the trail of this process for its own code, which has to ask who may read and to record that. */
export function createTrailReader(
  options: ReadAuditLogOptions,
  seal: () => Promise<unknown>
): (query: AuditQuery) => Promise<AuditPage> {
  const { db, writeTimeoutMs: timeoutMs, ownIssuer } = options
  return async query => {
    if (db === undefined) throw auditUnavailable(new Error('rows that are in no database are not read'))
    const { events, next } = await readSealedRows(options, seal, () => readAudit(db, query, { timeoutMs, ownIssuer }))
    return { events: events.map(row => concealPersonal(row, options)), next }
  }
}

/** Committed rows are sealed first, so that a page has everything that was acknowledged before it is read. */
async function readSealedRows<Page>(
  { sealer, writeTimeoutMs }: ReadAuditLogOptions,
  seal: () => Promise<unknown>,
  read: () => Promise<Page>
): Promise<Page> {
  try {
    if (sealer !== false) await withDeadline(seal(), writeTimeoutMs)
    return await read()
  } catch (error) {
    throw auditUnavailable(error)
  }
}

/**
 * `GET <path>`: a page of the trail, and `GET <path>/personal`: the same with what rows say of persons. Reading is
 * recorded too.
 */
export function addAuditRoute(
  fastify: FastifyInstance,
  options: ReadAuditLogOptions,
  {
    readTrail,
    seal
  }: { readonly readTrail: (query: AuditQuery) => Promise<AuditPage>; readonly seal: () => Promise<unknown> }
): void {
  const { db, route, writeTimeoutMs: timeoutMs, privacy, joinHash, ownIssuer } = options
  if (route === false || db === undefined) return
  fastify.get(
    route.path,
    { config: { access: route.access, audit: { action: 'audit.read' } } },
    async function readAuditTrail(request, reply) {
      const query = parseAuditQuery(request.query)
      noteAuditQuery(request, query)
      return sendTrailPage(reply, await readTrail(query))
    }
  )
  if (route.personalAccess === false) return
  fastify.get(
    `${route.path}/personal`,
    { config: { access: route.personalAccess, audit: { action: PERSONAL_READING } } },
    async function readPersonalTrail(request, reply) {
      const query = parsePersonalQuery(request.query)
      // Before anything is read, and with what was asked for.
      const detail = { asked: askedOfTrail(query, joinHash) }
      await request.audit(db, { action: PERSONAL_READING, outcome: 'success', detail })
      const search = { keys: privacy.keys, joinHash, timeoutMs, ownIssuer }
      return sendTrailPage(reply, await readSealedRows(options, seal, () => readPersonalAudit(db, query, search)))
    }
  )
}

/** Action of rows that say who read what rows say of persons. */
const PERSONAL_READING = 'audit.read-personal'

function sendTrailPage(reply: FastifyReply, page: object): FastifyReply {
  return reply.type('application/json').header('cache-control', 'no-store').serializer(visibleJson).send(page)
}
