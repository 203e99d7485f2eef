import type { Knex } from 'knex'
import { withConnection } from './connection.ts'
import { RECORD_COLUMNS, rowTexts, type AuditRecord, type RecordColumn } from './record.ts'

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
const ELEMENTS = [...ARRAYS, `$${COLUMN_NAMES.length}::bytea[]`].map(
  (array, place) => `unnest(${array}) as ${COLUMN_NAMES[place] ?? ''}`
)
const INSERT_ROWS = `insert into audit_events (${COLUMN_NAMES.join(', ')})`
/** In the list of what is selected: in the list of tables each array would be written into a table of its own first. */
const GIVEN_ROWS = `select ${ELEMENTS.join(', ')}`
const ALL_ROWS = `${INSERT_ROWS} ${GIVEN_ROWS}`
const ONCE = 'on conflict (id) do nothing'

/** Named, so that a connection parses and plans each of them once. */
const INSERT_TOGETHER = { name: 'sallyport-audit-insert', text: ALL_ROWS }
const INSERT_AGAIN = {
  name: 'sallyport-audit-insert-again',
  text: `${INSERT_ROWS} select * from (${GIVEN_ROWS}) as added
    where not exists (select from audit_seals where event_id = added.id) ${ONCE}`
}

const INSERT_WITHIN = { name: 'sallyport-audit-insert-within', text: ALL_ROWS.replaceAll(/\$\d+/g, '?') }

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

/**
 * Inserts rows by one statement, in the transaction of a caller.
 * @param timeoutMs after this the insert is given up, and the connection of the transaction is not used again
 */
export async function insertTogetherWithin(
  trx: Knex,
  records: readonly AuditRecord[],
  timeoutMs: number
): Promise<void> {
  const { name, text } = INSERT_WITHIN
  await trx.raw(text, columnTexts(records)).options({ name }).timeout(timeoutMs)
}

async function runInsert(
  db: Knex,
  statement: typeof INSERT_TOGETHER,
  records: readonly AuditRecord[],
  timeoutMs: number
): Promise<void> {
  const values = columnTexts(records)
  await withConnection(db, timeoutMs, async connection => connection.query({ ...statement, values }))
}

/** Each column of all rows, as the text of a PostgreSQL array; empty where no row has it, which `unnest` fills up. */
function columnTexts(records: readonly AuditRecord[]): string[] {
  const texts = COLUMN_NAMES.map(() => '')
  const isEmpty = COLUMN_NAMES.map(() => true)
  for (const record of records) {
    const { elements, contentHash } = rowTexts(record)
    for (const [place, element] of elements.entries()) {
      if (element !== null) isEmpty[place] = false
      texts[place] += `,${element ?? 'NULL'}`
    }
    isEmpty[elements.length] = false
    texts[elements.length] += `,"\\\\x${contentHash}"`
  }
  return texts.map((text, place) => (isEmpty[place] === true ? '{}' : `{${text.slice(1)}}`))
}
