import type { AuditEvent } from '@sallyport/security-context'
import type { Knex } from 'knex'

/** Writes an audit event of the current request in a transaction: `request.audit`, for code that knows no request. */
export type RecordAudit = (trx: Knex, event: AuditEvent) => Promise<void>
