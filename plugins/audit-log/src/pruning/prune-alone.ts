import type { Knex } from 'knex'
import { pruneAudit, type PruneOptions } from '../prune.ts'
import { pushedThrough } from '../push/push-cursor.ts'
import type { Rows } from '../seal-pending.ts'

/** What a run found. */
export interface PrunedTrail {
  readonly removed: number
  /** Rows that are old and wait for the push, counted up to 10 000. */
  readonly postponed: number
}

const PRUNER_RUN_LOCK = 'sallyport-audit-pruning'
/** Behind more than these nobody needs the exact number. */
const MOST_POSTPONED = 10_000

/**
 * Prunes, and counts what has to wait for the push. One process does it at a time; the others leave it out. The lock is
 * of a transaction that writes nothing, so that it holds no seal back.
 * @param db pool of the pruner role, with two connections
 * @returns `null` when another process prunes
 */
export async function pruneAlone(db: Knex, pruning: PruneOptions): Promise<PrunedTrail | null> {
  return await db.transaction(async trx => {
    const { rows } = await trx.raw<Rows<{ taken: boolean }>>('select pg_try_advisory_xact_lock(hashtext(?)) as taken', [
      PRUNER_RUN_LOCK
    ])
    if (rows[0]?.taken !== true) return null
    const { removed } = await pruneAudit(db, pruning)
    const ends = [pruning, ...(pruning.classes ?? [])].map(({ before }) => before.getTime())
    return { removed, postponed: await countPostponed(trx, new Date(Math.max(...ends))) }
  })
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
