import type { AuditQuery } from '../query.ts'
import type { ConditionValue, RowCondition } from './page-conditions.ts'

/** An index that has a value's rows in the order of time. */
interface OrderedIndex {
  readonly column: string
  /** Which rows it has, in the words of its definition. */
  readonly covers: string
}

const REFUSED = "e.outcome <> 'success'"
const isThere = (column: string): OrderedIndex => ({ column, covers: `e.${column} is not null` })

/** Indexes of filters, first those whose values have the fewest rows as a rule. */
const INDEXED = {
  txn: isThere('txn'),
  traceId: isThere('trace_id'),
  requestId: isThere('request_id'),
  resourceId: isThere('resource_id'),
  sessionId: isThere('session_id'),
  nameTried: isThere('name_tried'),
  subject: isThere('subject'),
  reason: isThere('reason'),
  action: { column: 'action', covers: 'true' },
  outcome: { column: 'outcome', covers: REFUSED },
  clientId: isThere('client_id')
} as const satisfies { readonly [Name in keyof AuditQuery]?: OrderedIndex }

/** A way to the rows of a page: part of an index. */
export interface PageIndex {
  /** Left out: the index of all rows by time. */
  readonly filter: (OrderedIndex & { readonly value: string }) | null
}

/** The indexes that a query can be answered by. */
export function pageIndexes(query: AuditQuery): PageIndex[] {
  const ways: PageIndex[] = []
  for (const [name, index] of Object.entries(INDEXED)) {
    const value = query[name as keyof typeof INDEXED]
    // Nearly all rows are successes, and no index has them.
    if (value !== undefined && (name !== 'outcome' || value !== 'success')) ways.push({ filter: { ...index, value } })
  }
  const { subject, outcome } = query
  // What somebody was refused is a small part of what he did, and much asked for.
  if (subject !== undefined && outcome !== undefined && outcome !== 'success') {
    ways.unshift({ filter: { column: 'subject', covers: REFUSED, value: subject } })
  }
  const isBounded = query.from !== undefined || query.until !== undefined
  return ways.length === 0 && isBounded ? [{ filter: null }] : ways
}

/** The first time in SQL, inclusive; the last one too. */
export interface TimeRange {
  readonly first: RowCondition
  readonly last: RowCondition
}

/** The times of a query. */
export function queriedTimes({ from, until }: AuditQuery): TimeRange {
  const time = (value: Date | undefined, otherwise: string): RowCondition =>
    value === undefined
      ? { sql: `'${otherwise}'::timestamptz`, values: [] }
      : { sql: '?::timestamptz', values: [value] }
  return { first: time(from, '-infinity'), last: time(until, 'infinity') }
}

/**
 * Rows `e` of a part of an index, in its order. The order and the comparison name both columns, so that no plan but the
 * one by this index is a cheap one: with an equation the planner may prefer to walk all rows by time, in the belief
 * that those of the value are spread evenly.
 */
export function indexedRows({ filter }: PageIndex, times: TimeRange, order: AuditQuery['order']): RowCondition {
  const direction = order === 'newest' ? 'desc' : 'asc'
  const range: ConditionValue[] = [...times.first.values, ...times.last.values]
  if (filter === null) {
    const { first, last } = times
    return {
      sql: `audit_events e where e.occurred_at >= ${first.sql} and e.occurred_at <= ${last.sql}
        order by e.occurred_at ${direction}`,
      values: range
    }
  }
  const { column, covers, value } = filter
  return {
    sql: `audit_events e where ${covers}
      and (e.${column}, e.occurred_at) >= (?::text, ${times.first.sql})
      and (e.${column}, e.occurred_at) <= (?::text, ${times.last.sql})
      order by e.${column} ${direction}, e.occurred_at ${direction}`,
    values: [value, ...times.first.values, value, ...times.last.values]
  }
}
