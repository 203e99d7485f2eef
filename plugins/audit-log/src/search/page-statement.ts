import { SELECT_RECORD } from '../record.ts'
import type { AuditQuery } from '../query.ts'
import { conditionOfAll, eventConditions, placeCondition, type RowCondition } from './page-conditions.ts'
import { indexedRows, queriedTimes, type PageIndex, type TimeRange } from './page-index.ts'
import { SPAN_ROWS } from './span-rows.ts'

/** A page to read: its query, what else its rows have to be, and how many of them at most. */
export interface PageAsked {
  readonly query: AuditQuery
  readonly also: readonly RowCondition[]
  readonly most: number
}

/** Where the rows of an index begin that a page can have, and the spans there are. */
export interface SpanWalk {
  readonly spans: number
  /** Left out: the spans are read row by row. */
  readonly index: PageIndex | null
  /** The last time in the index, or its first for the oldest rows; in SQL. `null`: not known. */
  readonly edge: string | null
}

const SEALED = 's.sequence, s.chain_hash, e.id'
const SHOWN = `r.sequence, encode(r.chain_hash, 'hex') as "chainHash", ${SELECT_RECORD}`

const directionOf = ({ order }: AuditQuery): 'desc' | 'asc' => (order === 'newest' ? 'desc' : 'asc')

/** A page by walking the seals from its place on: for rows that stand close together. */
export function walkedPage({ query, also, most }: PageAsked): RowCondition {
  const { sql, values } = conditionOfAll([...placeCondition(query), ...eventConditions(query, also)])
  return {
    sql: `select s.sequence, encode(s.chain_hash, 'hex') as "chainHash", ${SELECT_RECORD}
      from audit_seals s join audit_events e on e.id = s.event_id
      where ${sql} order by s.sequence ${directionOf(query)} limit ?`,
    values: [...values, most]
  }
}

/**
 * A page out of the few rows that a part of an index has. Each looks for its seal: a planner that may choose walks the
 * seals for a short page, and reads all of the rows for each of them.
 */
export function fewRowsPage({ query, also, most }: PageAsked, index: PageIndex, few: number): RowCondition {
  const rows = indexedRows(index, queriedTimes(query), query.order)
  const { sql, values } = conditionOfAll([...placeCondition(query), ...eventConditions(query, also)])
  return {
    sql: `with e as materialized (select e.* from ${rows.sql} limit ?)
      select s.sequence, encode(s.chain_hash, 'hex') as "chainHash", ${SELECT_RECORD}
      from e cross join lateral (select * from audit_seals where event_id = e.id offset 0) s
      where ${sql} order by s.sequence ${directionOf(query)} limit ?`,
    values: [...rows.values, few, ...values, most]
  }
}

/**
 * A page span by span, as many spans as it takes: of each only the rows that the index has between the first and the
 * last time of the span, and row by row the rest of the trail that has no span yet. A span whose times are so far apart
 * that the index has more rows in them than the span has is read row by row too.
 */
export function spanPage(asked: PageAsked, walk: SpanWalk): RowCondition {
  const { query, also, most } = asked
  const direction = directionOf(query)
  const spans = spanConditions(query, walk)
  const inSpan = walk.index === null ? rowByRow(asked) : byIndex(asked, walk.index)
  const rest = conditionOfAll([
    { sql: 's.sequence > ?', values: [walk.spans * SPAN_ROWS] },
    ...placeCondition(query),
    ...eventConditions(query, also)
  ])
  return {
    sql: `select ${SHOWN} from (
      (select r.* from audit_spans p ${inSpan.sql}
        where ${spans.sql} order by p.number ${direction}, r.sequence ${direction} limit ?)
      union all
      (select ${SEALED} from audit_seals s join audit_events e on e.id = s.event_id
        where ${rest.sql} order by s.sequence ${direction} limit ?)
      order by sequence ${direction} limit ?
    ) r join audit_events e on e.id = r.id order by r.sequence ${direction}`,
    values: [...inSpan.values, ...spans.values, most, ...rest.values, most, most]
  }
}

/** Which spans can have rows of the page. */
function spanConditions({ order, after, from, until }: AuditQuery, { spans, edge }: SpanWalk): RowCondition {
  const isNewest = order === 'newest'
  return conditionOfAll([
    { sql: 'p.number < ?', values: [spans] },
    ...(from === undefined ? [] : [{ sql: 'p.latest >= ?', values: [from] }]),
    ...(until === undefined ? [] : [{ sql: 'p.earliest < ?', values: [until] }]),
    ...(edge === null ? [] : [{ sql: isNewest ? 'p.earliest <= ?' : 'p.latest >= ?', values: [edge] }]),
    ...(after === undefined
      ? []
      : [
          {
            sql: `p.number ${isNewest ? '<' : '>'}= ?`,
            values: [Math.floor((isNewest ? after - 2 : after) / SPAN_ROWS)]
          }
        ])
  ])
}

const IN_SPAN = `s.sequence > p.number * ${SPAN_ROWS} and s.sequence <= (p.number + 1) * ${SPAN_ROWS}`

function rowByRow({ query, also, most }: PageAsked): RowCondition {
  const direction = directionOf(query)
  const { sql, values } = conditionOfAll([...placeCondition(query), ...eventConditions(query, also)])
  return {
    sql: `cross join lateral (
        select ${SEALED} from (
          select * from audit_seals s where ${IN_SPAN} order by s.sequence ${direction} limit ${SPAN_ROWS}
        ) s join audit_events e on e.id = s.event_id
        where ${sql} order by s.sequence ${direction} limit ?
      ) r`,
    values: [...values, most]
  }
}

/** With `offset 0` PostgreSQL plans a part by itself: it is done as it stands here, and once. */
function byIndex({ query, also }: PageAsked, index: PageIndex): RowCondition {
  const rows = indexedRows(index, timesOfSpan(queriedTimes(query)), query.order)
  const { sql, values } = conditionOfAll([...placeCondition(query), ...eventConditions(query, also)])
  return {
    sql: `cross join lateral (
        select array(select e.id from ${rows.sql} limit ${SPAN_ROWS + 1}) as ids offset 0
      ) f cross join lateral (
        select ${SEALED} from unnest(f.ids) i (id)
          cross join lateral (select * from audit_seals where event_id = i.id offset 0) s
          join audit_events e on e.id = i.id
          where cardinality(f.ids) <= ${SPAN_ROWS} and ${IN_SPAN} and ${sql}
        union all
        select ${SEALED} from (
          select * from audit_seals s where ${IN_SPAN} order by s.sequence limit ${SPAN_ROWS}
        ) s join audit_events e on e.id = s.event_id
          where cardinality(f.ids) > ${SPAN_ROWS} and ${sql}
      ) r`,
    values: [...rows.values, ...values, ...values]
  }
}

/** The times of a query, as far as a span has them. */
function timesOfSpan({ first, last }: TimeRange): TimeRange {
  return {
    first: { sql: `greatest(p.earliest, ${first.sql})`, values: first.values },
    last: { sql: `least(p.latest, ${last.sql})`, values: last.values }
  }
}
