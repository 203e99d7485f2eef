import type { AuditEvent } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'

/** Writes an audit event of one request in a transaction, for code that knows no request. */
export type RecordAudit = (trx: Knex, event: AuditEvent) => Promise<void>

/** `request.audit` as a function of its own. */
export function auditOf (request: FastifyRequest): RecordAudit {
  return (trx, event) => request.audit(trx, event)
}
