import { setTimeout as delay } from 'node:timers/promises'
import type { Knex } from 'knex'
import { auditUnavailable } from '../audit-request.ts'
import type { RecordRules } from '../build-record.ts'
import type { ReadAuditLogOptions } from '../options.ts'
import { concealPersonal } from '../privacy/read-personal.ts'
import type { AuditQuery, SealedRecord } from '../query.ts'
import { readAudit } from '../search/read-audit.ts'
import { readHead } from '../seal-pending.ts'

const ROWS_TOGETHER = 200

/** What somebody who follows a trail is told next. */
export type LiveStep =
  /** After which sequence the rows begin. */
  | { readonly kind: 'place'; readonly sequence: number }
  | { readonly kind: 'row'; readonly row: SealedRecord }
  /** Nothing new for a while. */
  | { readonly kind: 'quiet' }

/** How a trail is followed. */
export interface LiveTail {
  readonly db: Knex
  /** Its `after` is where the rows begin; left out: at the end of the trail. */
  readonly query: AuditQuery
  /** How often new rows are looked for, in ms. */
  readonly intervalMs: number
  /** How long each reading may take, in ms. */
  readonly timeoutMs: number
  /** Ends the tail. */
  readonly signal: AbortSignal
  readonly rules: RecordRules & Pick<ReadAuditLogOptions, 'ownIssuer'>
}

/** Follows the trail of this process for its own code, which has to ask who may read and to record that. */
export function createTrailFollower(
  options: ReadAuditLogOptions
): (query: AuditQuery, signal: AbortSignal) => AsyncGenerator<LiveStep> {
  const { db, route, writeTimeoutMs: timeoutMs } = options
  return (query, signal) => {
    if (db === undefined) throw auditUnavailable(new Error('rows that are in no database are not followed'))
    const intervalMs = route === false ? FOLLOWING_INTERVAL_MS : route.liveIntervalMs
    return followRows({ db, query, intervalMs, timeoutMs, signal, rules: options })
  }
}

/** As the default of the route. */
const FOLLOWING_INTERVAL_MS = 1000

/**
 * Rows as they are sealed, without what they say of persons. A reader who takes nothing keeps one page of them waiting,
 * and no more is read. Rejects when the database does not answer.
 */
export async function* followRows(tail: LiveTail): AsyncGenerator<LiveStep> {
  const { db, query, intervalMs, timeoutMs, signal, rules } = tail
  let after = query.after ?? (await readHead(db)).sequence
  yield { kind: 'place', sequence: after }
  while (!signal.aborted) {
    const { ownIssuer } = rules
    const page = await readAudit(
      db,
      { ...query, order: 'oldest', limit: ROWS_TOGETHER, after },
      { timeoutMs, ownIssuer }
    )
    for (const row of page.events) {
      yield { kind: 'row', row: concealPersonal(row, rules) }
      after = row.sequence
    }
    if (page.next !== null) continue
    if (page.events.length === 0) yield { kind: 'quiet' }
    await delay(intervalMs, undefined, { signal }).catch(() => {})
  }
}
