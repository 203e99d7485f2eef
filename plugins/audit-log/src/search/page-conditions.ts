import type { AuditQuery } from '../query.ts'
import { FILTER_NAMES } from '../query.ts'
import { RECORD_FIELDS } from '../record.ts'

/** A value of a condition. */
export type ConditionValue = string | number | Date | string[]

/** A condition in SQL. */
export interface RowCondition {
  /** With `?` for each value. */
  readonly sql: string
  readonly values: readonly ConditionValue[]
}

/** What the row `e` has to be, without its place in the trail. */
export function eventConditions(query: AuditQuery, also: readonly RowCondition[]): RowCondition[] {
  const { from, until } = query
  return [
    ...(from === undefined ? [] : [{ sql: 'e.occurred_at >= ?', values: [from] }]),
    ...(until === undefined ? [] : [{ sql: 'e.occurred_at < ?', values: [until] }]),
    ...FILTER_NAMES.flatMap(name => {
      const value = query[name]
      return value === undefined ? [] : [{ sql: `e.${RECORD_FIELDS[name].column} = ?`, values: [value] }]
    }),
    ...also
  ]
}

/** Whoever is named without an issuer is of the trail's own. */
export function ofOwnIssuer(issuer: string): RowCondition {
  return { sql: '(e.issuer = ? or (e.issuer is null and e.subject is not null))', values: [issuer] }
}

/** Where the seal `s` may be: behind the page before. */
export function placeCondition({ order, after }: AuditQuery): RowCondition[] {
  if (after === undefined) return []
  return [{ sql: order === 'newest' ? 's.sequence < ?' : 's.sequence > ?', values: [after] }]
}

/** All of the conditions as one; without any it is true. */
export function conditionOfAll(conditions: readonly RowCondition[]): RowCondition {
  return {
    sql: conditions.length === 0 ? 'true' : conditions.map(({ sql }) => sql).join(' and '),
    values: conditions.flatMap(({ values }) => values)
  }
}
