import type { Knex } from 'knex'
import { runNamedInTime } from './connection.ts'
import { RECORD_COLUMNS, rowTexts, rowValues, type AuditRecord } from './record.ts'

const STORED_TYPES = { integer: 'integer', text: 'text', time: 'timestamptz', json: 'jsonb' } as const
const COLUMN_TYPES = [
  ...RECORD_COLUMNS.map(({ column, stored }) => (column === 'id' ? 'uuid' : STORED_TYPES[stored])),
  'bytea'
]
const ARRAY_TYPES = COLUMN_TYPES.map(type => `${type}[]`)
/** The columns that a row is inserted into. */
export const INSERTED_COLUMNS: readonly string[] = [...RECORD_COLUMNS.map(({ column }) => column), 'content_hash']
const INSERT_ROWS = `insert into audit_events (${INSERTED_COLUMNS.join(', ')})`
const GIVEN_ROWS = `select ${rowElements(1)}`
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
/** One row needs no arrays, which cost more to open than it does to insert. */
const INSERT_ONE_WITHIN = { name: 'sallyport-audit-insert-one', text: `${INSERT_ROWS} select ${givenValues(1)}` }

/**
 * The columns of rows that a statement is given as the arrays of {@link columnTexts}, for the list of what is selected:
 * in the list of tables each array would be written into a table of its own first.
 * @param first parameter
 */
export function rowElements(first: number): string {
  return INSERTED_COLUMNS.map((name, place) => `unnest($${first + place}::${ARRAY_TYPES[place]}) as ${name}`).join(', ')
}

/** The same for one row, given as its {@link rowValues}. */
export function givenValues(first: number): string {
  return INSERTED_COLUMNS.map((_, place) => `$${first + place}::${COLUMN_TYPES[place]}`).join(', ')
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
  const [one, ...more] = records
  if (one === undefined) return
  if (more.length > 0) await runInsert(trx, INSERT_WITHIN, records, timeoutMs)
  else await runNamedInTime(trx, { ...INSERT_ONE_WITHIN, values: rowValues(one) }, timeoutMs)
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
