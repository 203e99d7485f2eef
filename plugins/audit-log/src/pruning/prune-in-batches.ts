import type { Knex } from 'knex'
import { pruneAudit, type PruneOptions } from '../prune.ts'
import { pushedThrough } from '../push/push-cursor.ts'
import type { Rows } from '../seal-pending.ts'

/** What is pruned, and how much at a time. */
export interface BatchedPruning extends Required<Omit<PruneOptions, 'versions'>>, Pick<PruneOptions, 'versions'> {
  /** About how many rows are looked at in one transaction. */
  readonly batchRows: number
  /** Ends the run after the batch under way. */
  readonly signal: AbortSignal
  readonly onBatch: (removed: number) => void
}

/** What a run found. */
export interface PrunedTrail {
  readonly removed: number
  /** Rows that are old and wait for the push, counted up to 10 000. */
  readonly postponed: number
}

const PRUNER_RUN_LOCK = 'sallyport-audit-pruning'
/** Behind more than these nobody needs the exact number. */
const MOST_POSTPONED = 10_000
/** By how much a batch that removed nothing makes the next one larger: rows that are kept are passed over quickly. */
const GROWTH = 4

/**
 * Prunes in transactions of a bounded size, each over what occurred before a time: the times of the rows themselves cut
 * the trail into pieces, oldest first. One process does it at a time; the others leave it out.
 * @param db pool of the pruner role, with two connections
 * @returns `null` when another process prunes
 */
export async function pruneInBatches(db: Knex, pruning: BatchedPruning): Promise<PrunedTrail | null> {
  return await db.transaction(async trx => {
    const { rows } = await trx.raw<Rows<{ taken: boolean }>>('select pg_try_advisory_xact_lock(hashtext(?)) as taken', [
      PRUNER_RUN_LOCK
    ])
    if (rows[0]?.taken !== true) return null
    const latest = new Date(Math.max(...[pruning, ...pruning.classes].map(({ before }) => before.getTime())))
    const removed = await pruneUntil(db, latest, pruning)
    return { removed, postponed: await countPostponed(trx, latest) }
  })
}

async function pruneUntil(db: Knex, latest: Date, pruning: BatchedPruning): Promise<number> {
  const { before, classes, process, versions, timeoutMs, batchRows, signal, onBatch } = pruning
  let [removed, from, size] = [0, new Date(0), batchRows]
  for (;;) {
    const end = await endOfBatch(db, from, latest, size)
    const earlier = (time: Date): Date => (end !== null && end < time ? end : time)
    const batch = await pruneAudit(db, {
      before: earlier(before),
      classes: classes.map(each => ({ ...each, before: earlier(each.before) })),
      process,
      versions,
      timeoutMs
    })
    onBatch(batch.removed)
    removed += batch.removed
    if (end === null || signal.aborted) return removed
    size = batch.removed === 0 ? size * GROWTH : batchRows
    from = end
  }
}

/** A time that has about so many rows before it, from another one on; `null` when there are fewer. */
async function endOfBatch(db: Knex, from: Date, latest: Date, size: number): Promise<Date | null> {
  const { rows } = await db.raw<Rows<{ end: Date }>>(
    `
    select occurred_at as "end" from audit_events where occurred_at >= ? and occurred_at < ?
    order by occurred_at offset ? limit 1`,
    [from, latest, size]
  )
  const [row] = rows
  if (row === undefined) return null
  // A time of a row has digits that this one has not: it has to move on all the same.
  return row.end > from ? row.end : new Date(from.getTime() + 1)
}

async function countPostponed(trx: Knex.Transaction, latest: Date): Promise<number> {
  const { rows } = await trx.raw<Rows<{ postponed: string }>>(
    `
    select count(*) as postponed from (
      select from audit_seals s join audit_events e on e.id = s.event_id
      where s.sequence > ? and e.occurred_at < ? limit ?) waiting`,
    [await pushedThrough(trx), latest, MOST_POSTPONED]
  )
  return Number(rows[0]?.postponed ?? 0)
}
