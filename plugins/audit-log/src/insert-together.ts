import type { Knex } from 'knex'
import { withConnection } from './connection.ts'
import { contentHash, RECORD_COLUMNS, storedValue, type AuditRecord, type RecordColumn } from './record.ts'

/** One column of all rows, as the text of a PostgreSQL array. */
type ColumnText = (records: readonly AuditRecord[]) => string

const ARRAY_TYPES: Readonly<Record<RecordColumn['stored'], string>> = {
  integer: 'integer[]',
  text: 'text[]',
  time: 'timestamptz[]',
  json: 'jsonb[]'
}
const COLUMN_NAMES = [...RECORD_COLUMNS.map(({ column }) => column), 'content_hash']
const ARRAYS = RECORD_COLUMNS.map(
  ({ column, stored }, index) => `$${index + 1}::${column === 'id' ? 'uuid[]' : ARRAY_TYPES[stored]}`
)
const ALL_ROWS = `insert into audit_events (${COLUMN_NAMES.join(', ')})
  select * from unnest(${ARRAYS.join(', ')}, $${COLUMN_NAMES.length}::bytea[]) as added (${COLUMN_NAMES.join(', ')})`
const ONCE = 'on conflict (id) do nothing'

/** Named, so that a connection parses and plans each of them once. */
const INSERT_TOGETHER = { name: 'sallyport-audit-insert', text: `${ALL_ROWS} ${ONCE}` }
const INSERT_AGAIN = {
  name: 'sallyport-audit-insert-again',
  text: `${ALL_ROWS} where not exists (select from audit_seals where event_id = added.id) ${ONCE}`
}

/**
 * Inserts rows by one statement, in a transaction of its own. The statement has one array for each column, so its text
 * is the same for any number of rows. Rejects after `timeoutMs`: the rows may still arrive, and then they are true and
 * were not acknowledged. A row that is there already stays as it is.
 */
export async function insertTogether(db: Knex, records: readonly AuditRecord[], timeoutMs: number): Promise<void> {
  await runInsert(db, INSERT_TOGETHER, records, timeoutMs)
}

/** As {@link insertTogether}, but leaves out rows that were sealed and may have been pruned since. */
export async function insertAgain(db: Knex, records: readonly AuditRecord[], timeoutMs: number): Promise<void> {
  await runInsert(db, INSERT_AGAIN, records, timeoutMs)
}

async function runInsert(
  db: Knex,
  statement: typeof INSERT_TOGETHER,
  records: readonly AuditRecord[],
  timeoutMs: number
): Promise<void> {
  const values = COLUMN_TEXTS.map(textOf => textOf(records))
  await withConnection(db, timeoutMs, async connection => connection.query({ ...statement, values }))
}

const COLUMN_TEXTS: readonly ColumnText[] = [
  ...RECORD_COLUMNS.map(
    (column): ColumnText =>
      records =>
        arrayText(records, record => elementText(column, record))
  ),
  records => arrayText(records, record => `"\\\\x${contentHash(record).toString('hex')}"`)
]

function arrayText(records: readonly AuditRecord[], element: (record: AuditRecord) => string): string {
  let text = '{'
  for (const record of records) text += text === '{' ? element(record) : `,${element(record)}`
  return `${text}}`
}

function elementText(column: RecordColumn, record: AuditRecord): string {
  const value = storedValue(column, record)
  if (value === null) return 'NULL'
  return typeof value === 'number' ? `${value}` : quoted(value)
}

/** An element in quotes: inside them only the quote and the backslash mean something. */
function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`
}
