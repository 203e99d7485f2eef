import type { Knex } from 'knex'
import { PRUNE_ACTION, pruneDetail, pruningRecord, rangeDigest, type PrunedRange } from './pruning-mark.ts'
import { CURRENT_VERSION } from './record.ts'
import { GENESIS, type Rows } from './seal-pending.ts'
import { insertRecords } from './store.ts'

/** What a pruning removed. */
export interface PruneResult {
  readonly removed: number
  /** Rows up to this sequence are gone; 0 when none ever were. */
  readonly throughSequence: number
}

/** What to prune. */
export interface PruneOptions {
  /** Rows that occurred before this are old. */
  readonly before: Date
  /** Name of this job in the rows about pruning. Default `audit-pruner`. */
  readonly process?: string
  /** Limit of the statements that write those rows, default 5000. */
  readonly timeoutMs?: number
}

/**
 * Removes the sealed rows at the beginning of the trail that are older than `before`. For each range without a hole a
 * mark says which rows it had, and a row of the trail says the same, so that nobody can change the mark later. The
 * seals and their content hashes stay, so the chain still proves what follows, and a copy of a removed row can still be
 * proved. Rows about pruning stay too, and so do rows under a legal hold: after its release the next pruning takes
 * them. Stops at the first young row, however old the rows after it claim to be. A row that is already missing is in no
 * range: no mark covers it.
 * @param db pool of the pruner role
 */
export async function pruneAudit(
  db: Knex,
  { before, process = 'audit-pruner', timeoutMs = 5000 }: PruneOptions
): Promise<PruneResult> {
  return db.transaction(async trx => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('sallyport-audit-pruner'))")
    const { through, pruned, kept } = await oldSequences(trx, before)
    const start = kept ? 0 : pruned
    const ranges = through <= start ? [] : await prunableRanges(trx, start, through)
    if (ranges.length === 0) return { removed: 0, throughSequence: pruned }
    let removed = 0
    for (const range of ranges) removed += await pruneRange(trx, range, { process, timeoutMs })
    return { removed, throughSequence: Math.max(through, pruned) }
  })
}

/**
 * Up to which sequence rows are old, up to which they were already pruned, and whether rows that were kept because of a
 * hold may be among those.
 */
async function oldSequences(
  trx: Knex.Transaction,
  before: Date
): Promise<{ through: number; pruned: number; kept: boolean }> {
  const {
    rows: [range]
  } = await trx.raw<Rows<{ through: string; pruned: string; kept: boolean }>>(
    `
    select coalesce(
      (select min(s.sequence) - 1 from audit_seals s join audit_events e on e.id = s.event_id
        where e.occurred_at >= :before),
      (select max(sequence) from audit_seals), 0) as through,
      coalesce((select max(through_sequence) from audit_prunings), 0) as pruned,
      exists (select from audit_hold_releases) as kept`,
    { before }
  )
  return {
    through: Number(range?.through ?? 0),
    pruned: Number(range?.pruned ?? 0),
    kept: range?.kept === true
  }
}

/**
 * Ranges of rows that are there, without a hole: holes are rows that say what was pruned, and rows that are missing.
 */
async function prunableRanges(trx: Knex.Transaction, pruned: number, through: number): Promise<PrunedRange[]> {
  const { rows } = await trx.raw<Rows<{ first: string; last: string; before: Buffer | null; end: Buffer }>>(
    `
    select first, last, (select chain_hash from audit_seals where sequence = first - 1) as before,
      (select chain_hash from audit_seals where sequence = last) as "end"
    from (
      select min(sequence) as first, max(sequence) as last from (
        select s.sequence, s.sequence - row_number() over (order by s.sequence) as island
        from audit_seals s join audit_events e on e.id = s.event_id
        where s.sequence > :pruned and s.sequence <= :through
          and not exists (select from audit_prunings p where p.event_id = e.id) and not audit_is_held(e)
      ) kept group by island
    ) ranges order by first`,
    { pruned, through }
  )
  return rows.map(row => {
    const [first, last] = [Number(row.first), Number(row.last)]
    return { first, last, digest: rangeDigest(first, last, row.before ?? GENESIS, row.end) }
  })
}

async function pruneRange(
  trx: Knex.Transaction,
  range: PrunedRange,
  { process, timeoutMs }: { readonly process: string; readonly timeoutMs: number }
): Promise<number> {
  const { first, last, digest } = range
  const sealed = trx('audit_seals').select('event_id').whereBetween('sequence', [first, last])
  const removed = await trx('audit_events').whereIn('id', sealed).delete()
  if (removed !== last - first + 1) {
    throw new Error(`${removed} rows of the sequences ${first} to ${last} were there to remove`)
  }
  const record = pruningRecord(CURRENT_VERSION, process, PRUNE_ACTION, pruneDetail(range))
  await insertRecords(trx, [record], timeoutMs)
  await trx('audit_prunings').insert({
    first_sequence: first,
    through_sequence: last,
    removed,
    digest: Buffer.from(digest, 'hex'),
    event_id: record.id
  })
  return removed
}
