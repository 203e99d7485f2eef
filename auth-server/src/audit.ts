import { hash } from 'node:crypto'
import type { AuditEvent, SecurityEvent } from '@sallyport/security-context'
import type { Store } from './store/contract.ts'

/**
 * Writes an audit event on the store's connection: given the store of a transaction, the event is committed with it or
 * not at all.
 */
export type WriteAudit = (store: Store, event: AuditEvent) => Promise<void>

/** Whom and what a request turned out to be about, for its security event and so for its audit row. */
export type RequestParties = Pick<SecurityEvent, 'subject' | 'clientId' | 'nameTried' | 'resource' | 'detail'>

/** A token's `jti` as rows tell it: the same hash as the `token_id_hash` of every row that the token causes elsewhere. */
export const jtiHashOf = (jti: string): string => hash('sha256', jti)
