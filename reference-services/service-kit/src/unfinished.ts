import type { Knex } from 'knex'

/**
 * A table whose rows may hold work that was begun and not finished: from then on `recover_after` says when recovery may
 * take it up, and it is null again once the work is done.
 */
export interface UnfinishedWork {
  readonly table: string
  readonly idColumn: string
}

/** Work that begins now. */
export interface BegunWork {
  /** Recovery may take it up when it is this old, in ms. */
  readonly ageMs: number
  /** The transaction in which it begins. */
  readonly txn: string
}

/** A row with unfinished work that this process has claimed. */
export interface ClaimedWork {
  readonly id: string
  /** The transaction in which it was begun; `null` for rows from before that was stored. */
  readonly begunTxn: string | null
}

/** The columns of work that begins now. Recovery may take it up later than the request itself may need. */
export function beginWork(
  db: Knex,
  { ageMs, txn }: BegunWork
): { readonly recover_after: Knex.Raw; readonly begun_txn: string } {
  return { recover_after: db.raw("now() + ? * interval '1 ms'", [ageMs]), begun_txn: txn }
}

/**
 * Claims the oldest rows that are due: nobody else gets them until the lease is over, also when this process dies. The
 * clock is that of the database, the same for all replicas.
 * @param limit how many at most
 * @param leaseMs longer than finishing one row takes
 */
export async function claimUnfinished(
  db: Knex,
  { table, idColumn }: UnfinishedWork,
  limit: number,
  leaseMs: number
): Promise<readonly ClaimedWork[]> {
  const { rows } = await db.raw<{ rows: readonly ClaimedWork[] }>(
    `
    update ?? set recover_after = now() + ? * interval '1 ms'
    where ?? in (select ?? from ?? where recover_after <= now() order by recover_after limit ? for update skip locked)
    returning ?? as id, begun_txn as "begunTxn"`,
    [table, leaseMs, idColumn, idColumn, table, limit, idColumn]
  )
  return rows
}

/** The number of rows with unfinished work, due or not. */
export async function countUnfinished(db: Knex, { table }: UnfinishedWork): Promise<number> {
  const [counted] = await db(table).whereNotNull('recover_after').count({ count: '*' })
  return Number(counted?.count)
}

/** Adds `recover_after` to a table, with an index of the rows that hold unfinished work. */
export async function addUnfinishedWork(db: Knex, table: string): Promise<void> {
  await db.raw('alter table ?? add column recover_after timestamptz', [table])
  await db.raw('create index ?? on ?? (recover_after) where recover_after is not null', [`${table}_unfinished`, table])
}

/** Removes what {@link addUnfinishedWork} added. */
export async function dropUnfinishedWork(db: Knex, table: string): Promise<void> {
  await db.raw('alter table ?? drop column recover_after', [table])
}

/** Adds `begun_txn`, the transaction in which the unfinished work of a row was begun. */
export async function addBegunTxn(db: Knex, table: string): Promise<void> {
  await db.raw('alter table ?? add column begun_txn text', [table])
}

/** Removes what {@link addBegunTxn} added. */
export async function dropBegunTxn(db: Knex, table: string): Promise<void> {
  await db.raw('alter table ?? drop column begun_txn', [table])
}
