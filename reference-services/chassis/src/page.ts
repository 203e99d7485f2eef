import type { Knex } from 'knex'
import type { PageQuery } from './schemas.ts'

/** The columns that a list is ordered by, newest first. */
export interface PageOrder {
  readonly table: string
  readonly idColumn: string
  readonly createdAtColumn: string
}

/** One page, and the `after` of the next one; `null` when this is the last. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly next: string | null
}

/**
 * Reads one page of a query, newest first. The page begins behind the row with the id `after`, found by its position
 * and not by an offset: rows that arrive meanwhile repeat nothing.
 * @param query selects the rows, filtered by what the caller may see, without order and limit
 * @param idOf the id of a row as it is in `idColumn`
 */
export async function readPage<Row extends object> (
  query: Knex.QueryBuilder, order: PageOrder, page: PageQuery, idOf: (row: Row) => string
): Promise<Page<Row>> {
  const { table, idColumn, createdAtColumn } = order
  const limit = Number(page.limit)
  if (page.after !== undefined) {
    void query.whereRaw('(??, ??) < (select ??, ?? from ?? where ?? = ?)', [createdAtColumn, idColumn, createdAtColumn, idColumn, table, idColumn, page.after])
  }
  const rows: Row[] = await query.orderBy([{ column: createdAtColumn, order: 'desc' }, { column: idColumn, order: 'desc' }]).limit(limit + 1)
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { rows: shown, next: rows.length > limit && last !== undefined ? idOf(last) : null }
}
