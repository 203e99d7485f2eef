import type { FastifyRequest } from 'fastify'
import type { WriteAudit, WriteAuditWith } from '../store/contract.ts'

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

/** The same for effects that are committed with their rows by one statement. */
export function effectAuditorFor(request: FastifyRequest): WriteAuditWith {
  return async function writeAuditWith(store, event, commit) {
    if (store.connection !== null) return await request.auditWith(store.connection, event, commit)
    const isDone = await commit()
    if (isDone) request.log.info({ audit: event }, 'audit event')
    return isDone
  }
}
