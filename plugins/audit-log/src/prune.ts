import type { Knex } from 'knex'
import type { Rows } from './seal.ts'

/** What a pruning removed. */
export interface PruneResult {
  readonly removed: number
  /** Rows up to this sequence are gone; 0 when none ever were. */
  readonly throughSequence: number
}

/**
 * Removes the sealed rows at the beginning of the trail that are older than `before`, and leaves a mark of it. The
 * seals stay, with the content hashes, so the chain still proves what follows, and a copy of a removed row kept
 * elsewhere can still be proved. Stops at the first row that is young, however old those behind it claim to be.
 * @param db pool of the pruner role
 */
export async function pruneAudit (db: Knex, { before }: { readonly before: Date }): Promise<PruneResult> {
  return db.transaction(async trx => {
    const { rows: [range] } = await trx.raw<Rows<{ through: string, pruned: string }>>(`
      select coalesce(
        (select min(s.sequence) - 1 from audit_seals s join audit_events e on e.id = s.event_id where e.occurred_at >= :before),
        (select max(sequence) from audit_seals), 0) as through,
        coalesce((select max(through_sequence) from audit_prunings), 0) as pruned`, { before })
    const through = Number(range?.through ?? 0)
    const pruned = Number(range?.pruned ?? 0)
    if (through <= pruned) return { removed: 0, throughSequence: pruned }
    const removed = await trx('audit_events').whereIn('id', trx('audit_seals').select('event_id').where('sequence', '<=', through)).delete()
    await trx('audit_prunings').insert({ through_sequence: through, removed })
    return { removed, throughSequence: through }
  })
}
