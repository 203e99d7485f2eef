import type { AuditEvent } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import type { ServiceInstance } from './create-instance.ts'
import type { RecoveryTransaction } from './recovery-transaction.ts'

/** Writes an audit event in a transaction, for code without a request. */
export type RecordAudit = (trx: Knex, event: AuditEvent) => Promise<void>

/** `request.audit` as a function of its own. */
export function auditOfRequest(request: FastifyRequest): RecordAudit {
  return (trx, event) => request.audit(trx, event)
}

/**
 * Audit of what a service does without a caller: it is the subject of these events, and their reason is `recovered`
 * unless they have another one. They are of the transaction of this attempt, and `detail.begunTxn` names the one of the
 * request that began the work.
 * @param name the service, which is its OAuth client too
 */
export function auditOfRecovery(
  app: ServiceInstance,
  name: string,
  { txn, begunTxn }: RecoveryTransaction
): RecordAudit {
  return (trx, event) => {
    const detail = { ...event.detail, begunTxn }
    return app.auditWithin(trx, { reason: 'recovered', ...event, subject: name, clientId: name, txn, detail })
  }
}
