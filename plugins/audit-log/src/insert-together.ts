import type { Knex } from 'knex'
import { runNamedInTime } from './connection.ts'
import { RECORD_COLUMNS, rowTexts, type AuditRecord, type RecordColumn } from './record.ts'

const ARRAY_TYPES: Readonly<Record<RecordColumn['stored'], string>> = {
  integer: 'integer[]',
  text: 'text[]',
  time: 'timestamptz[]',
  json: 'jsonb[]'
}
/** The columns that a row is inserted into. */
export const INSERTED_COLUMNS: readonly string[] = [...RECORD_COLUMNS.map(({ column }) => column), 'content_hash']
const INSERT_ROWS = `insert into audit_events (${INSERTED_COLUMNS.join(', ')})`
const GIVEN_ROWS = `select ${givenElements(1)}`
const ALL_ROWS = `${INSERT_ROWS} ${GIVEN_ROWS}`
const ONCE = 'on conflict (id) do nothing'

/** Named, so that a connection parses and plans each of them once. */
const INSERT_TOGETHER = { name: 'sallyport-audit-insert', text: ALL_ROWS }
const INSERT_AGAIN = {
  name: 'sallyport-audit-insert-again',
  text: `${INSERT_ROWS} select * from (${GIVEN_ROWS}) as added
    where not exists (select from audit_seals where event_id = added.id) ${ONCE}`
}

const INSERT_WITHIN = { name: 'sallyport-audit-insert-within', text: ALL_ROWS }

/**
 * The columns of rows that a statement is given as the arrays of {@link columnTexts}, for the list of what is selected:
 * in the list of tables each array would be written into a table of its own first.
 * @param first parameter
 */
export function givenElements(first: number): string {
  const types = RECORD_COLUMNS.map(({ column, stored }) => (column === 'id' ? 'uuid[]' : ARRAY_TYPES[stored]))
  return [...types, 'bytea[]']
    .map((type, place) => `unnest($${first + place}::${type}) as ${INSERTED_COLUMNS[place] ?? ''}`)
    .join(', ')
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

/**
 * Inserts rows by one statement, in the transaction of a caller.
 * @param timeoutMs after this the insert is given up, and the connection of the transaction is not used again
 */
export async function insertTogetherWithin(
  trx: Knex,
  records: readonly AuditRecord[],
  timeoutMs: number
): Promise<void> {
  await runInsert(trx, INSERT_WITHIN, records, timeoutMs)
}

async function runInsert(
  db: Knex,
  statement: typeof INSERT_TOGETHER,
  records: readonly AuditRecord[],
  timeoutMs: number
): Promise<void> {
  await runNamedInTime(db, { ...statement, values: columnTexts(records) }, timeoutMs)
}

/** Each column of all rows, as the text of a PostgreSQL array; empty where no row has it, which `unnest` fills up. */
export function columnTexts(records: readonly AuditRecord[]): string[] {
  const texts = INSERTED_COLUMNS.map(() => '')
  const isEmpty = INSERTED_COLUMNS.map(() => true)
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
