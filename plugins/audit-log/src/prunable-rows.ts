import type { Knex } from 'knex'
import { IS_LIVE_HOLD } from './hold/holds.ts'
import { rangeDigest, type PrunedRange } from './pruning-mark.ts'
import { GENESIS, type Rows } from './seal-pending.ts'
import { STATING_ACTIONS } from './stating-rows.ts'

/** Up to which sequence rows of a class are old. */
interface ClassEnd {
  readonly actions: readonly string[]
  readonly through: number
}

/** Up to which sequences rows are old. */
export interface RetentionEnds {
  readonly own: readonly ClassEnd[]
  /** For rows of no class. */
  readonly others: number
  /** The furthest of them. */
  readonly through: number
}

/** What of the next rows can be pruned. */
export interface PrunableBatch {
  /** In ascending order. */
  readonly ranges: readonly PrunedRange[]
  /** Where the next batch goes on after; `null` when these were the last old rows. */
  readonly next: number | null
}

interface BatchRow {
  /** The last place of the batch. */
  readonly reached: string | null
  /** Places that no mark covers, up to the end of what is old. */
  readonly left: string | null
  readonly first: string | null
  readonly last: string
  readonly before: Buffer | null
  readonly end: Buffer
}

/**
 * Looks at the rows of the next places that no mark covers, and finds those ranges of them that have no hole: holes are
 * rows that say what was pruned, held or erased, rows that are kept, and rows that are missing.
 */
export async function prunableBatch(
  trx: Knex.Transaction,
  { after, batchRows, ends }: { readonly after: number; readonly batchRows: number; readonly ends: RetentionEnds }
): Promise<PrunableBatch> {
  const { own, others, through } = ends
  const cases = own.map((_, place) => `when e.action like any(:actions${place}::text[]) then :through${place}::bigint`)
  const bindings = own.flatMap(({ actions, through: end }, place): [string, string[] | number][] => [
    [`actions${place}`, actions.map(actionPattern)],
    [`through${place}`, end]
  ])
  const { rows } = await trx.raw<Rows<BatchRow>>(
    `
    with marked as (
      select coalesce(first_sequence, 1) as first, through_sequence as last from audit_prunings
      union all select :through::bigint + 1, :through::bigint + 1
    ), between as (
      select first, coalesce(max(last) over (order by first, last rows between unbounded preceding and 1 preceding), 0)
        as last from marked
    ), gaps as (
      select greatest(last, :after::bigint) as after, first - 1 as through from between
      where first - 1 > greatest(last, :after::bigint) and first <= :through::bigint + 1
    ), counted as (
      select after, through, (sum(through - after) over (order by after))::bigint as places from gaps
    ), part as (
      select after, through - greatest(places - :batchRows, 0) as through from counted
      where places - (through - after) < :batchRows
    ), looked as materialized (
      select s.sequence,
        s.sequence <= case ${cases.join(' ')} when true then :others::bigint end
          and e.id not in (select event_id from audit_prunings where event_id is not null)
          and e.action <> all(:stating::text[])
          and not (exists (select from audit_holds h where ${IS_LIVE_HOLD}) and audit_is_held(e)) as goes
      from part cross join lateral (
        select * from audit_seals s where s.sequence > part.after and s.sequence <= part.through offset 0
      ) s join audit_events e on e.id = s.event_id
    ), islands as (
      select min(sequence) as first, max(sequence) as last
      from (select sequence, sequence - row_number() over (order by sequence) as island from looked where goes) going
      group by island
    )
    select (select max(through) from part) as reached, (select max(places) from counted) as left, i.first, i.last,
      (select chain_hash from audit_seals where sequence = i.first - 1) as before,
      (select chain_hash from audit_seals where sequence = i.last) as "end"
    from (select) one left join islands i on true order by i.first`,
    { after, through, others, batchRows, stating: Object.values(STATING_ACTIONS), ...Object.fromEntries(bindings) }
  )
  const [batch] = rows
  const isLast = batch === undefined || Number(batch.left ?? 0) <= batchRows
  return { ranges: rows.flatMap(rangeOf), next: isLast ? null : Number(batch.reached) }
}

function rangeOf(row: BatchRow): PrunedRange[] {
  if (row.first === null) return []
  const [first, last] = [Number(row.first), Number(row.last)]
  return [{ first, last, digest: rangeDigest(first, last, row.before ?? GENESIS, row.end) }]
}

/** A pattern of `like`, in which only `*` stands for other text. */
function actionPattern(action: string): string {
  return action.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%')
}
