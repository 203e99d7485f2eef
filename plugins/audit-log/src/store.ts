import { callTogether } from '@sallyport/security-context'
import type { Knex } from 'knex'
import { runNamedInTime } from './connection.ts'
import { insertAgain, insertTogether, insertTogetherWithin } from './insert-together.ts'
import { statementsOf, statementsWithin } from './privacy/key-rows.ts'
import type { PersonalSealer } from './privacy/seal-personal.ts'
import { contentHash, toColumns, type AuditRecord, type BuiltRecord } from './record.ts'

/** Where rows are kept. The plugin makes one over its database; a test may give one in memory. */
export interface AuditStore {
  /** Keeps rows by themselves: they survive a transaction that is rolled back. */
  readonly insert: (records: readonly BuiltRecord[]) => Promise<void>
  /**
   * Keeps rows that may be here already, or were and have been pruned; {@link AuditStore.insert} where a store has no
   * such rows.
   */
  readonly insertAgain?: (records: readonly BuiltRecord[]) => Promise<void>
  /** Keeps rows within the caller's transaction. */
  readonly insertWithin: (trx: Knex, records: readonly BuiltRecord[]) => Promise<void>
  /**
   * Rows as they are stored, for a statement of somebody else's that stores them together with their effects. A store
   * without it takes no such effects.
   */
  readonly seal?: (records: readonly BuiltRecord[]) => Promise<readonly AuditRecord[]>
  /** Which of these rows everybody can see. */
  readonly committed: (ids: readonly string[]) => Promise<ReadonlySet<string>>
}

/** The store of a database, which seals what rows say of persons; each of its steps is given up after `timeoutMs`. */
export function databaseStore(db: Knex, timeoutMs: number, { seal }: PersonalSealer): AuditStore {
  const own = statementsOf(db, timeoutMs)
  return {
    insert: async records => {
      await insertTogether(db, await seal(records, own), timeoutMs)
    },
    insertAgain: async records => {
      await insertAgain(db, await seal(records, own), timeoutMs)
    },
    insertWithin: async (trx, records) => {
      await insertTogetherWithin(trx, await seal(records, statementsWithin(trx, timeoutMs)), timeoutMs)
    },
    seal: records => seal(records, own),
    committed: callTogether(async lists => {
      const found = await committedIds(db, lists.flat(), timeoutMs)
      return ids => new Set(ids.filter(id => found.has(id)))
    })
  }
}

/**
 * Inserts records of one version, which need not be the current one, with their content hashes, all or none, in the
 * caller's transaction.
 * @param timeoutMs after this the insert is given up, and the connection of the transaction is not used again
 */
export async function insertRecords(trx: Knex, records: readonly AuditRecord[], timeoutMs: number): Promise<void> {
  await trx('audit_events').insert(records.map(toRow)).timeout(timeoutMs)
}

/** Named, so that a connection parses and plans it once. */
const COMMITTED = { name: 'sallyport-audit-committed', text: 'select id from audit_events where id = any($1::uuid[])' }

/** Which of these rows are committed: other connections can see them. */
export async function committedIds(db: Knex, ids: readonly string[], timeoutMs: number): Promise<Set<string>> {
  const rows = await runNamedInTime<{ readonly id: string }>(db, { ...COMMITTED, values: [[...ids]] }, timeoutMs)
  return new Set(rows.map(({ id }) => id))
}

function toRow(record: AuditRecord): Record<string, string | number | Buffer | null> {
  return { ...toColumns(record), content_hash: contentHash(record) }
}
