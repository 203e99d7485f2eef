import type { Knex } from 'knex'
import { cursorText, cursorPosition } from './cursor.ts'
import type { PageQuery } from './schemas.ts'

/** The columns that a list is ordered by, newest first. */
export interface PageOrder {
  readonly idColumn: string
  readonly createdAtColumn: string
}

/** One page, and the `after` of the next one; `null` when this is the last. */
export interface RowPage<Row> {
  readonly rows: readonly Row[]
  readonly next: string | null
}

interface PositionColumns {
  readonly positionCreatedAt: string
  readonly positionId: string
}

/** The position of a row in the list, with all digits of its time, of which a Date loses some. */
const POSITION_COLUMNS =
  'to_char(?? at time zone \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') as "positionCreatedAt", ??::text as "positionId"'

/**
 * Reads one page of a query, newest first. The page begins after a position, which the cursor itself contains, and not
 * at an offset: new rows cause no repetition, and no row is looked up, so that a cursor says nothing about rows that
 * the caller may not see.
 * @param query selects the rows, filtered by what the caller may see, without order and limit
 * @throws `SALLYPORT_SERVICE_CURSOR_INVALID` for an `after` that is not the `next` of a page
 */
export async function readPage<Row extends object>(
  query: Knex.QueryBuilder,
  order: PageOrder,
  page: PageQuery
): Promise<RowPage<Row>> {
  const { idColumn, createdAtColumn } = order
  const limit = Number(page.limit)
  if (page.after !== undefined) {
    const { createdAt, id } = cursorPosition(page.after)
    void query.whereRaw('(??, ??) < (?::timestamptz, ?::uuid)', [createdAtColumn, idColumn, createdAt, id])
  }
  const found: Array<Row & PositionColumns> = await query
    .select(query.client.raw(POSITION_COLUMNS, [createdAtColumn, idColumn]))
    .orderBy([
      { column: createdAtColumn, order: 'desc' },
      { column: idColumn, order: 'desc' }
    ])
    .limit(limit + 1)
  const last = found.length > limit ? found[limit - 1] : undefined
  const next = last === undefined ? null : cursorText({ createdAt: last.positionCreatedAt, id: last.positionId })
  const rows = found.slice(0, limit)
  for (const row of rows) for (const column of ['positionCreatedAt', 'positionId']) Reflect.deleteProperty(row, column)
  return { rows, next }
}
