import type { Knex } from 'knex'
import type { RecordedVersions } from './build-record.ts'
import { poolAsItIs } from './connection.ts'
import { HOLD_LOCK } from './hold/holds.ts'
import { insertTogetherWithin } from './insert-together.ts'
import { prunableBatch, type RetentionEnds } from './prunable-rows.ts'
import { PRUNE_ACTION, pruneDetail, pruningRecord, type PrunedRange } from './pruning-mark.ts'
import { pushedThrough } from './push/push-cursor.ts'
import { CURRENT_VERSION } from './record.ts'
import { firstSealedFrom, setPlannerForRows } from './search/read-audit.ts'
import type { Rows } from './seal-pending.ts'

/** What a pruning removed. */
export interface PruneResult {
  readonly removed: number
  /** Rows up to this sequence are gone; 0 when none ever were. */
  readonly throughSequence: number
}

/** Rows that are kept for another time than the others, by what they record. */
export interface RetentionClass {
  /** Actions, `*` standing for any text: `session.*`, `*.read`. */
  readonly actions: readonly string[]
  /** Rows of the class that occurred before this are old. */
  readonly before: Date
}

/** What to prune. */
export interface PruneOptions {
  /** Rows that occurred before this are old, where no class has them. */
  readonly before: Date
  /** The first class that has an action decides. Default none. */
  readonly classes?: readonly RetentionClass[]
  /** Name of this job in the rows about pruning. Default `audit-pruner`. */
  readonly process?: string
  /** Which release and configuration did it, for its rows. */
  readonly versions?: RecordedVersions | undefined
  /** Limit of the statements that write those rows, default 5000. */
  readonly timeoutMs?: number
  /** Rows that one transaction looks at, default 10 000. */
  readonly batchRows?: number
  /** Ends the pruning after the transaction under way. */
  readonly signal?: AbortSignal
}

/**
 * Removes the sealed rows that are old by the retention of their class. For each range without a hole a mark says which
 * rows it had, and a row of the trail says the same, so that nobody can change the mark later. The seals and their
 * content hashes stay, so the chain still proves what follows, and a copy of a removed row can still be proved. Rows
 * about pruning stay too, and so do rows under a legal hold, or that are to be pushed and were not: the next pruning
 * after that takes them. For each class it stops at the first row that is too young for it, however old the rows after
 * it claim to be. A row that is already missing is in no range: no mark covers it. There are never more marks than rows
 * that are kept between them, and one for each batch.
 *
 * It goes in batches, each a transaction of its own with its marks: no lock is held for long, the sealer is not held
 * up, and what was done stays done when a later batch fails. What earlier prunings removed is not looked at again.
 * @param given pool of the pruner role
 */
export async function pruneAudit(
  given: Knex,
  {
    before,
    classes = [],
    process = 'audit-pruner',
    timeoutMs = 5000,
    batchRows = 10_000,
    signal,
    versions
  }: PruneOptions
): Promise<PruneResult> {
  const db = poolAsItIs(given)
  const ends = await db.transaction(trx => retentionEnds(trx, before, classes))
  let [from, removed, last]: [number | null, number, number] = [0, 0, 0]
  while (from !== null && signal?.aborted !== true) {
    const after: number = from
    const batch = await db.transaction(trx => pruneBatch(trx, { after, batchRows, ends, process, timeoutMs, versions }))
    removed += batch.removed
    last = Math.max(last, batch.last)
    from = batch.next
  }
  return { removed, throughSequence: Math.max(last, removed === 0 ? 0 : ends.others, ends.pruned) }
}

/** Up to which sequences rows are old, by class, and nobody waits for them; and up to which rows were pruned before. */
async function retentionEnds(
  trx: Knex.Transaction,
  before: Date,
  classes: readonly RetentionClass[]
): Promise<RetentionEnds & { readonly pruned: number }> {
  await setPlannerForRows(trx)
  const pushed = await pushedThrough(trx)
  const own = []
  for (const { actions, before: end } of classes) {
    own.push({ actions, through: Math.min(pushed, await oldThrough(trx, end)) })
  }
  const others = Math.min(pushed, await oldThrough(trx, before))
  const { rows } = await trx.raw<Rows<{ pruned: string }>>(
    'select coalesce(max(through_sequence), 0) as pruned from audit_prunings'
  )
  return { own, others, through: Math.max(others, ...own.map(each => each.through)), pruned: Number(rows[0]?.pruned) }
}

/** Up to which sequence all rows occurred before a time. */
async function oldThrough(trx: Knex.Transaction, before: Date): Promise<number> {
  const first = await firstSealedFrom(trx, before)
  if (first !== null) return first - 1
  const { rows } = await trx.raw<Rows<{ last: string | null }>>('select max(sequence) as last from audit_seals')
  return Number(rows[0]?.last ?? 0)
}

interface PruneBatch {
  readonly after: number
  readonly batchRows: number
  readonly ends: RetentionEnds
  readonly process: string
  readonly timeoutMs: number
  readonly versions: RecordedVersions | undefined
}

async function pruneBatch(
  trx: Knex.Transaction,
  { after, batchRows, ends, process, timeoutMs, versions }: PruneBatch
): Promise<{ readonly removed: number; readonly last: number; readonly next: number | null }> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('sallyport-audit-pruner'))")
  // Whoever places a hold waits for the batch under way: no row goes after that.
  await trx.raw(HOLD_LOCK)
  await setPlannerForRows(trx)
  const { ranges, next } = await prunableBatch(trx, { after, batchRows, ends })
  if (ranges.length === 0) return { removed: 0, last: 0, next }
  const removed = await removeRows(trx, ranges)
  const records = ranges.map(range =>
    pruningRecord(CURRENT_VERSION, process, PRUNE_ACTION, pruneDetail(range), versions)
  )
  await insertTogetherWithin(trx, records, timeoutMs)
  await trx.raw(
    `insert into audit_prunings (first_sequence, through_sequence, removed, digest, event_id)
      select first, last, last - first + 1, decode(digest, 'hex'), event_id
      from unnest(?::bigint[], ?::bigint[], ?::text[], ?::uuid[]) as mark (first, last, digest, event_id) order by first`,
    [
      ranges.map(({ first }) => first),
      ranges.map(({ last }) => last),
      ranges.map(({ digest }) => digest),
      records.map(({ id }) => id)
    ]
  )
  return { removed, last: ranges.at(-1)?.last ?? 0, next }
}

async function removeRows(trx: Knex.Transaction, ranges: readonly PrunedRange[]): Promise<number> {
  const firsts = ranges.map(({ first }) => first)
  const lasts = ranges.map(({ last }) => last)
  const { rowCount } = await trx.raw<{ rowCount: number }>(
    `delete from audit_events where id in (
      select s.event_id from unnest(?::bigint[], ?::bigint[]) as r (first, last)
        join audit_seals s on s.sequence between r.first and r.last)`,
    [firsts, lasts]
  )
  const expected = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  if (rowCount !== expected) {
    throw new Error(
      `${rowCount} of ${expected} rows of the sequences ${firsts[0]} to ${lasts.at(-1)} were there to remove`
    )
  }
  return rowCount
}
