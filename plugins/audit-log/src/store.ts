import type { Knex } from 'knex'
import { withConnection } from './connection.ts'
import { insertAgain, insertTogether } from './insert-together.ts'
import { contentHash, toColumns, type AuditRecord } from './record.ts'

/** Where rows are kept. The plugin makes one over its database; a test may give one in memory. */
export interface AuditStore {
  /** Keeps rows by themselves: they survive a transaction that is rolled back. */
  readonly insert: (records: readonly AuditRecord[]) => Promise<void>
  /**
   * Keeps rows that may be here already, or were and have been pruned; {@link AuditStore.insert} where a store has no
   * such rows.
   */
  readonly insertAgain?: (records: readonly AuditRecord[]) => Promise<void>
  /** Keeps rows within the caller's transaction. */
  readonly insertWithin: (trx: Knex, records: readonly AuditRecord[]) => Promise<void>
  /** Which of these rows everybody can see. */
  readonly committed: (ids: readonly string[]) => Promise<ReadonlySet<string>>
}

/** The store of a database; each of its steps is given up after `timeoutMs`. */
export function databaseStore(db: Knex, timeoutMs: number): AuditStore {
  return {
    insert: records => insertTogether(db, records, timeoutMs),
    insertAgain: records => insertAgain(db, records, timeoutMs),
    insertWithin: (trx, records) => insertRecords(trx, records, timeoutMs),
    committed: ids => committedIds(db, ids, timeoutMs)
  }
}

/**
 * Inserts records of one version with their content hashes, all or none, in the caller's transaction.
 * @param timeoutMs after this the insert is given up, and the connection of the transaction is not used again
 */
export async function insertRecords(trx: Knex, records: readonly AuditRecord[], timeoutMs: number): Promise<void> {
  await trx('audit_events').insert(records.map(toRow)).timeout(timeoutMs)
}

/** Which of these rows are committed: other connections can see them. */
export async function committedIds(db: Knex, ids: readonly string[], timeoutMs: number): Promise<Set<string>> {
  const rows = await withConnection(db, timeoutMs, async connection => {
    const found: { id: string }[] = await db('audit_events').connection(connection).select('id').whereIn('id', ids)
    return found
  })
  return new Set(rows.map(row => row.id))
}

function toRow(record: AuditRecord): Record<string, string | number | Buffer | null> {
  return { ...toColumns(record), content_hash: contentHash(record) }
}
