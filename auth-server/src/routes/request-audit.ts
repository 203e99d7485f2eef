import type { FastifyRequest } from 'fastify'
import type { WriteAudit } from '../audit.ts'

/** The audit trail of a request; a store without a database has none. */
export function auditOf (request: FastifyRequest): WriteAudit {
  return async function writeAudit (store, event) {
    if (store.connection !== null) await request.audit(store.connection, event)
  }
}
