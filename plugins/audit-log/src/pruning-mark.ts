import { createHash, randomUUID } from 'node:crypto'
import type { JsonValue } from '@sallyport/security-context/mechanics'
import type { RecordedVersions } from './build-record.ts'
import { cleanOptional, cleanText } from './clean.ts'
import { auditTime, type AuditRecord } from './record.ts'

/** Action of the row in which a pruning says what it removed. The row itself is never pruned. */
export const PRUNE_ACTION = 'audit.prune'
/** Action of the row that states the marks of earlier releases, which did not say which rows they removed. */
export const ADOPT_ACTION = 'audit.prunings-adopted'

/** Rows that a pruning removed: all of these sequences. */
export interface PrunedRange {
  readonly first: number
  readonly last: number
  /** Hexadecimal. @see {@link rangeDigest} */
  readonly digest: string
}

/**
 * SHA-256(first ‖ last, 8 bytes big-endian each ‖ chain hash before the first ‖ chain hash of the last). Each chain
 * hash covers the one before, so the two cover every row between them.
 */
export function rangeDigest(first: number, last: number, before: Buffer, end: Buffer): string {
  const places = Buffer.alloc(16)
  places.writeBigUInt64BE(BigInt(first))
  places.writeBigUInt64BE(BigInt(last), 8)
  return createHash('sha256').update(places).update(before).update(end).digest('hex')
}

/** What the row of a pruning says. */
export function pruneDetail({ first, last, digest }: PrunedRange): JsonValue {
  return { firstSequence: first, lastSequence: last, removed: last - first + 1, digest }
}

/** What the row that adopts old marks says: each of them as it was. */
export function adoptDetail(
  marks: readonly { readonly throughSequence: number; readonly removed: number }[]
): JsonValue {
  return { marks: marks.map(({ throughSequence, removed }) => ({ throughSequence, removed })) }
}

/** What a row says of a request, where there is none. */
export const FIELDS_WITHOUT_REQUEST = {
  reason: null,
  subject: null,
  issuer: null,
  clientId: null,
  actor: null,
  sessionId: null,
  tokenIdHash: null,
  resourceType: null,
  resourceId: null,
  requestId: null,
  traceId: null,
  txn: null,
  sourceAddress: null,
  peerAddress: null,
  nameTried: null,
  sealed: null,
  sourceTag: null,
  nameTag: null,
  policyVersion: null,
  configurationVersion: null
}

/**
 * The row in which a job says what it did.
 * @param versions which release and configuration did it
 */
export function pruningRecord(
  version: number,
  process: string,
  action: string,
  detail: JsonValue,
  versions: RecordedVersions = {}
): AuditRecord {
  const when = { id: randomUUID(), occurredAt: auditTime(new Date()) }
  return {
    ...FIELDS_WITHOUT_REQUEST,
    ...when,
    policyVersion: cleanOptional(versions.policy),
    configurationVersion: cleanOptional(versions.configuration),
    version,
    process: cleanText(process),
    action,
    outcome: 'success',
    detail,
    repeats: 1
  }
}
