import type { Knex } from 'knex'
import type { RecordedVersions } from './build-record.ts'
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
}

/**
 * Removes the sealed rows that are old by the retention of their class. For each range without a hole a mark says which
 * rows it had, and a row of the trail says the same, so that nobody can change the mark later. The seals and their
 * content hashes stay, so the chain still proves what follows, and a copy of a removed row can still be proved. Rows
 * about pruning stay too, and so do rows under a legal hold: after its release the next pruning takes them. For each
 * class it stops at the first row that is too young for it, however old the rows after it claim to be. A row that is
 * already missing is in no range: no mark covers it. There are never more marks than rows that are kept between them.
 * @param db pool of the pruner role
 */
export async function pruneAudit(
  db: Knex,
  { before, classes = [], process = 'audit-pruner', timeoutMs = 5000, versions }: PruneOptions
): Promise<PruneResult> {
  return db.transaction(async trx => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('sallyport-audit-pruner'))")
    const { pruned, areSomeKept } = await prunedBefore(trx)
    const own: ClassEnd[] = []
    for (const { actions, before: end } of classes) own.push({ actions, through: await oldThrough(trx, end) })
    const others = await oldThrough(trx, before)
    const through = Math.max(others, ...own.map(each => each.through))
    const start = areSomeKept || own.length > 0 ? 0 : pruned
    const ranges = through <= start ? [] : await prunableRanges(trx, start, { own, others, through })
    if (ranges.length === 0) return { removed: 0, throughSequence: pruned }
    let removed = 0
    for (const range of ranges) removed += await pruneRange(trx, range, { process, timeoutMs, versions })
    return { removed, throughSequence: Math.max(ranges.at(-1)?.last ?? 0, others, pruned) }
  })
}

/** Up to which sequence rows of a class are old. */
interface ClassEnd {
  readonly actions: readonly string[]
  readonly through: number
}
interface RetentionEnds {
  readonly own: readonly ClassEnd[]
  /** For rows of no class. */
  readonly others: number
  /** The furthest of them. */
  readonly through: number
}

/** Up to which sequence all rows occurred before a time. */
async function oldThrough(trx: Knex.Transaction, before: Date): Promise<number> {
  const { rows } = await trx.raw<Rows<{ through: string }>>(
    `
    select coalesce(
      (select min(s.sequence) - 1 from audit_seals s join audit_events e on e.id = s.event_id
        where e.occurred_at >= :before),
      (select max(sequence) from audit_seals), 0) as through`,
    { before }
  )
  return Number(rows[0]?.through ?? 0)
}

/**
 * Up to which sequence rows were pruned, and whether some of those were kept: because of a hold, or of their class.
 * Rows about pruning are kept for ever, and do not count.
 */
async function prunedBefore(trx: Knex.Transaction): Promise<{ pruned: number; areSomeKept: boolean }> {
  const { rows } = await trx.raw<Rows<{ pruned: string; removed: string; stating: string }>>(`
    select coalesce(max(through_sequence), 0) as pruned, coalesce(sum(removed), 0) as removed,
      (select count(distinct p.event_id) from audit_prunings p join audit_seals s on s.event_id = p.event_id
        where s.sequence <= (select max(through_sequence) from audit_prunings)) as stating
    from audit_prunings`)
  const { pruned = '0', removed = '0', stating = '0' } = rows[0] ?? {}
  return { pruned: Number(pruned), areSomeKept: Number(pruned) > Number(removed) + Number(stating) }
}

/**
 * Ranges of rows that are there, without a hole: holes are rows that say what was pruned, rows that are kept, and rows
 * that are missing.
 */
async function prunableRanges(
  trx: Knex.Transaction,
  pruned: number,
  { own, others, through }: RetentionEnds
): Promise<PrunedRange[]> {
  const cases = own.map((_, place) => `when e.action like any(:actions${place}::text[]) then :through${place}::bigint`)
  const bindings = own.flatMap(({ actions, through: end }, place): [string, string[] | number][] => [
    [`actions${place}`, actions.map(actionPattern)],
    [`through${place}`, end]
  ])
  const { rows } = await trx.raw<Rows<{ first: string; last: string; before: Buffer | null; end: Buffer }>>(
    `
    select first, last, (select chain_hash from audit_seals where sequence = first - 1) as before,
      (select chain_hash from audit_seals where sequence = last) as "end"
    from (
      select min(sequence) as first, max(sequence) as last from (
        select s.sequence, s.sequence - row_number() over (order by s.sequence) as island
        from audit_seals s join audit_events e on e.id = s.event_id
        where s.sequence > :pruned and s.sequence <= :through
          and s.sequence <= case ${cases.join(' ')} when true then :others::bigint end
          and not exists (select from audit_prunings p where p.event_id = e.id) and not audit_is_held(e)
      ) kept group by island
    ) ranges order by first`,
    { pruned, through, others, ...Object.fromEntries(bindings) }
  )
  return rows.map(row => {
    const [first, last] = [Number(row.first), Number(row.last)]
    return { first, last, digest: rangeDigest(first, last, row.before ?? GENESIS, row.end) }
  })
}

/** A pattern of `like`, in which only `*` stands for other text. */
function actionPattern(action: string): string {
  return action.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%')
}

async function pruneRange(
  trx: Knex.Transaction,
  range: PrunedRange,
  {
    process,
    timeoutMs,
    versions
  }: Required<Pick<PruneOptions, 'process' | 'timeoutMs'>> & Pick<PruneOptions, 'versions'>
): Promise<number> {
  const { first, last, digest } = range
  const sealed = trx('audit_seals').select('event_id').whereBetween('sequence', [first, last])
  const removed = await trx('audit_events').whereIn('id', sealed).delete()
  if (removed !== last - first + 1) {
    throw new Error(`${removed} rows of the sequences ${first} to ${last} were there to remove`)
  }
  const record = pruningRecord(CURRENT_VERSION, process, PRUNE_ACTION, pruneDetail(range), versions)
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
