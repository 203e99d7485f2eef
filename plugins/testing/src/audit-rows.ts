/** What tests look at in an audit row; `AuditRecord` of `@sallyport/audit-log` has more. */
export interface RecordedAuditRow {
  readonly id: string
  readonly action: string
  readonly outcome: 'success' | 'denied' | 'failure'
  readonly reason: string | null
  readonly subject: string | null
  readonly resourceType: string | null
  readonly resourceId: string | null
  readonly detail: unknown
}

/** Audit rows in memory: give it to the option `store` of `@sallyport/audit-log`. */
export interface AuditRows {
  /** The rows that are committed, oldest first. */
  readonly rows: readonly RecordedAuditRow[]
  /** Makes every write fail until it is `null` again: the trail is away. */
  trouble: Error | null
  insert: (rows: readonly RecordedAuditRow[]) => Promise<void>
  insertWithin: (transaction: unknown, rows: readonly RecordedAuditRow[]) => Promise<void>
  committed: (ids: readonly string[]) => Promise<ReadonlySet<string>>
}

/**
 * A trail in memory. Rows that are written within a transaction of knex go when it is rolled back; with anything else
 * in its place, such as `null` in a test without a database, they stay.
 */
export function createAuditRows(): AuditRows {
  const rows: RecordedAuditRow[] = []

  async function insert(added: readonly RecordedAuditRow[]): Promise<void> {
    if (audit.trouble !== null) throw audit.trouble
    rows.push(...added)
  }

  const audit: AuditRows = {
    rows,
    trouble: null,
    insert,
    insertWithin: async (transaction, added) => {
      await insert(added)
      rollbackOf(transaction)?.catch(() => {
        for (const row of added) rows.splice(rows.indexOf(row), 1)
      })
    },
    committed: async ids => new Set(rows.map(row => row.id).filter(id => ids.includes(id)))
  }
  return audit
}

/** Rejects when a transaction of knex is rolled back. */
function rollbackOf(transaction: unknown): Promise<unknown> | null {
  if (typeof transaction !== 'function' || !('executionPromise' in transaction)) return null
  return Promise.resolve(transaction.executionPromise)
}
