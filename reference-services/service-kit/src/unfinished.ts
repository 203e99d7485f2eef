import type { Knex } from 'knex'

/**
 * A table whose rows may hold work that was begun and not finished: from then on `recover_after` says when recovery may
 * take it up, and it is null again once the work is done.
 */
export interface UnfinishedWork {
  readonly table: string
  readonly idColumn: string
}

/** When recovery may take up what begins now: later than the request itself may need. */
export function recoverAfter(db: Knex, ageMs: number): Knex.Raw {
  return db.raw("now() + ? * interval '1 ms'", [ageMs])
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
): Promise<string[]> {
  const { rows } = await db.raw<{ rows: ReadonlyArray<{ readonly id: string }> }>(
    `
    update ?? set recover_after = now() + ? * interval '1 ms'
    where ?? in (select ?? from ?? where recover_after <= now() order by recover_after limit ? for update skip locked)
    returning ?? as id`,
    [table, leaseMs, idColumn, idColumn, table, limit, idColumn]
  )
  return rows.map(({ id }) => id)
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
