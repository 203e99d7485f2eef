import { createHash } from 'node:crypto'
import { canonicalJson, type JsonValue } from './canonical-json.ts'

/** One row of the audit trail: who did what to what, when, where, how it ended, in which request. */
export interface AuditRecord {
  /** UUID. */
  readonly id: string
  /** UTC, `YYYY-MM-DDTHH:mm:ss.ffffffZ`. */
  readonly occurredAt: string
  /** The service that wrote the row. */
  readonly process: string
  readonly action: string
  readonly outcome: 'success' | 'denied' | 'failure'
  readonly reason: string | null
  readonly subject: string | null
  readonly issuer: string | null
  readonly clientId: string | null
  /** The chain of parties that act for the subject. @see RFC 8693 §4.1 */
  readonly actor: JsonValue
  readonly sessionId: string | null
  /** SHA-256 of the token's `jti`, hexadecimal: joinable, but not a credential. */
  readonly tokenIdHash: string | null
  readonly resourceType: string | null
  readonly resourceId: string | null
  readonly requestId: string | null
  readonly traceId: string | null
  /** Transaction id that crosses services. */
  readonly txn: string | null
  readonly sourceAddress: string | null
  readonly detail: JsonValue
}

/**
 * Column of each field. The insert grant, the insert, the read-back and with them the content hash all go by this one list.
 */
export const COLUMNS = {
  id: 'id',
  occurredAt: 'occurred_at',
  process: 'process',
  action: 'action',
  outcome: 'outcome',
  reason: 'reason',
  subject: 'subject',
  issuer: 'issuer',
  clientId: 'client_id',
  actor: 'actor',
  sessionId: 'session_id',
  tokenIdHash: 'token_id_hash',
  resourceType: 'resource_type',
  resourceId: 'resource_id',
  requestId: 'request_id',
  traceId: 'trace_id',
  txn: 'txn',
  sourceAddress: 'source_address',
  detail: 'detail'
} as const satisfies Record<keyof AuditRecord, string>

/** Select list that reads a row of `e` back exactly as it was hashed: the time with all its digits, as text. */
export const SELECT_RECORD = Object.entries(COLUMNS).map(([field, column]) =>
  field === 'occurredAt'
    ? 'to_char(e.occurred_at at time zone \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') as "occurredAt"'
    : `e.${column} as "${field}"`).join(', ')

/** SHA-256 over the canonical JSON of the record: every field by name, so that none can borrow from its neighbour. */
export function contentHash (record: AuditRecord): Buffer {
  return createHash('sha256').update(canonicalJson({ ...record, version: 1 })).digest()
}

/** Time as records carry it. */
export function auditTime (date: Date): string {
  return date.toISOString().replace('Z', '000Z')
}
