import type { Knex } from 'knex'
import { canonicalJson, type JsonValue } from './canonical-json.ts'
import { COLUMNS, contentHash, type AuditRecord } from './record.ts'

const FIELDS = Object.keys(COLUMNS) as (keyof AuditRecord)[]

/** Inserts records with their content hashes, all or none, on a pool or in a transaction. */
export async function insertRecords (db: Knex, records: readonly AuditRecord[]): Promise<void> {
  await db('audit_events').insert(records.map(toRow))
}

/** Which of these rows other connections can see, which is to say: which are committed. */
export async function committedIds (db: Knex, ids: readonly string[]): Promise<Set<string>> {
  const rows: { id: string }[] = await db('audit_events').select('id').whereIn('id', ids)
  return new Set(rows.map(row => row.id))
}

function toRow (record: AuditRecord): Record<string, string | Buffer | null> {
  const row: Record<string, string | Buffer | null> = { content_hash: contentHash(record) }
  for (const field of FIELDS) {
    const value = record[field]
    row[COLUMNS[field]] = field === 'actor' || field === 'detail' ? json(value) : textOf(value)
  }
  return row
}

function json (value: JsonValue): string | null {
  return value === null ? null : canonicalJson(value)
}

function textOf (value: JsonValue): string | null {
  return typeof value === 'string' ? value : null
}
