import type { AuditEvent } from '@sallyport/security-context'
import type { Store } from './store/contract.ts'

/**
 * Writes an audit event on the store's connection: given the store of a transaction, the event is committed with it or
 * not at all.
 */
export type WriteAudit = (store: Store, event: AuditEvent) => Promise<void>
