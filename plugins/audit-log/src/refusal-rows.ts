import type { AuditEvent } from '@sallyport/security-context'
import { sourceOf, type JsonValue } from '@sallyport/security-context/mechanics'
import { buildRecord, type RecordContext, type RecordRules } from './build-record.ts'
import { UNROUTED_REFUSAL } from './decide-response.ts'
import { auditTime, type BuiltRecord } from './record.ts'
import type { RefusalTally } from './refusal-counts.ts'

/** What a row outside a request needs to know. */
export type ProcessRowContext = Pick<RecordContext, 'process'> & RecordRules

/** The first refusal of a kind, as its row shows it. */
export interface RefusalSample {
  readonly record: BuiltRecord
  /** What counts as one caller. */
  readonly source: string
  /** Status, method and route. */
  readonly place: { readonly [name: string]: JsonValue }
}

/**
 * What makes two refusals one kind: what counts as one caller, where, what and why, and at a login which account was
 * tried. Not the resource, nor anything else that a stranger can vary freely.
 */
export function refusalKind(event: AuditEvent, { sourceAddress, joinHash }: RecordContext): string {
  const { action, outcome, reason, subject, issuer, clientId, nameTried, detail } = event
  const name = nameTried === undefined ? null : joinHash.hashName(nameTried)
  const place = Object.values(placeIn(detail))
  return JSON.stringify([
    sourceOf(sourceAddress ?? ''),
    action,
    outcome,
    reason,
    subject,
    issuer,
    clientId,
    name,
    place
  ])
}

/** The first refusal of its kind, bounded and redacted as its row will be. */
export function sampleRefusal(event: AuditEvent, context: RecordContext): RefusalSample {
  const source = sourceOf(context.sourceAddress ?? '')
  return { record: buildRecord(event, context), source, place: placeIn(event.detail) }
}

/**
 * The row of a tally: for the first of a kind everything that is known about it, for those that followed what they have
 * in common. It is made from the tally alone, so that every attempt to write it writes the same row.
 * @param context of the process, for what had no kind of its own
 */
export function refusalRow(tally: RefusalTally<RefusalSample>, context: ProcessRowContext): BuiltRecord {
  const { id, kind, sample, repeats, firstAtMs, lastAtMs } = tally
  if (kind === 'first' && sample !== null) return { ...sample.record, id }
  const now = new Date(lastAtMs)
  const times = { firstAt: new Date(firstAtMs).toISOString(), lastAt: now.toISOString() }
  if (sample === null) {
    const event: AuditEvent = { action: UNROUTED_REFUSAL, outcome: 'denied', reason: 'others', detail: times }
    return { ...buildRecord(event, { ...context, now, principal: null }), id, repeats }
  }
  // Not what the first of them alone had: its program, and what its detail said.
  const { detail: _detail, userAgent: _userAgent, ...alike } = sample.record.personal ?? {}
  return {
    ...sample.record,
    id,
    repeats,
    occurredAt: auditTime(now),
    personal: { ...alike, sourceAddress: sample.source },
    resourceType: null,
    resourceId: null,
    requestId: null,
    traceId: null,
    txn: null,
    detail: { ...sample.place, ...times }
  }
}

function placeIn(detail: AuditEvent['detail']): RefusalSample['place'] {
  const members = ['status', 'method', 'route'].map((name): [string, JsonValue] => {
    const value = detail?.[name]
    return [name, typeof value === 'string' || typeof value === 'number' ? value : null]
  })
  return Object.fromEntries(members)
}
