import type { FastifyRequest } from 'fastify'
import type { WriteAudit } from '../store/contract.ts'

/**
 * Writes the audit rows of a request. A store without a database has no trail: its events go to the log, which is not
 * durable.
 */
export function auditWriterFor(request: FastifyRequest): WriteAudit {
  return async function writeAudit(store, event) {
    if (store.connection === null) request.log.info({ audit: event }, 'audit event')
    else await request.audit(store.connection, event)
  }
}
