import type { AuditRecord } from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import type { ServiceInstance } from './create-instance.ts'
import type { RecoveryTransaction } from './recovery-transaction.ts'

/** Writes an audit event in a transaction, for code without a request. */
export type RecordAudit = (trx: Knex, event: AuditEvent) => Promise<void>

/**
 * Writes an audit event with an effect, by one statement on `db` that `write` runs with the row: `true` when both are
 * written, `false` when nothing is.
 */
export type AuditEffect = (
  db: Knex,
  event: AuditEvent,
  write: (row: AuditRecord) => Promise<boolean>
) => Promise<boolean>

/** `request.audit` as a function of its own. */
export function auditOfRequest(request: FastifyRequest): RecordAudit {
  return (trx, event) => request.audit(trx, event)
}

/** The same with effects. */
export function effectAuditOfRequest(request: FastifyRequest): AuditEffect {
  return (db, event, write) => request.auditWith(db, event, write)
}

/**
 * Audit of what a service does without a caller: it is the subject of these events, and their reason is `recovered`
 * unless they have another one. They are of the transaction of this attempt, and `detail.begunTxn` names the one of the
 * request that began the work.
 * @param name the service, which is its OAuth client too
 */
export function auditOfRecovery(app: ServiceInstance, name: string, transaction: RecoveryTransaction): RecordAudit {
  return (trx, event) => app.auditWithin(trx, recoveredEvent(name, transaction, event))
}

/** The same with effects. */
export function effectAuditOfRecovery(
  app: ServiceInstance,
  name: string,
  transaction: RecoveryTransaction
): AuditEffect {
  return (db, event, write) => app.auditEffect(db, recoveredEvent(name, transaction, event), write)
}

function recoveredEvent(name: string, { txn, begunTxn }: RecoveryTransaction, event: AuditEvent): AuditEvent {
  const detail = { ...event.detail, begunTxn }
  return { reason: 'recovered', ...event, subject: name, clientId: name, txn, detail }
}
