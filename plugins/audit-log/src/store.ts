import type { Knex } from 'knex'
import { contentHash, toColumns, type AuditRecord } from './record.ts'

/** Inserts records of one version with their content hashes, all or none, on a pool or in a transaction. */
export async function insertRecords (db: Knex, records: readonly AuditRecord[]): Promise<void> {
  await db('audit_events').insert(records.map(record => ({ ...toColumns(record), content_hash: contentHash(record) })))
}

/** Which of these rows other connections can see, which is to say: which are committed. */
export async function committedIds (db: Knex, ids: readonly string[]): Promise<Set<string>> {
  const rows: { id: string }[] = await db('audit_events').select('id').whereIn('id', ids)
  return new Set(rows.map(row => row.id))
}
