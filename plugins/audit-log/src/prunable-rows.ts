import type { Knex } from 'knex'
import { rangeDigest, type PrunedRange } from './pruning-mark.ts'
import { GENESIS, type Rows } from './seal-pending.ts'

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
  readonly reached: string | null
  readonly looked: string
  readonly first: string | null
  readonly last: string
  readonly before: Buffer | null
  readonly end: Buffer
}

/**
 * Looks at the next rows that are there, and finds those ranges of them that have no hole: holes are rows that say what
 * was pruned, rows that are kept, and rows that are missing. What marks cover is jumped over.
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
    ), gaps as (
      select coalesce(max(last) over (order by first, last rows between unbounded preceding and 1 preceding), 0) as after,
        first as before from marked
    ), looked as materialized (
      select s.sequence,
        s.sequence <= case ${cases.join(' ')} when true then :others::bigint end
          and e.id not in (select event_id from audit_prunings where event_id is not null)
          and not (exists (${LIVE_HOLDS}) and audit_is_held(e)) as goes
      from gaps g cross join lateral (
        select * from audit_seals s
        where s.sequence > greatest(g.after, :after::bigint) and s.sequence < g.before and s.sequence <= :through::bigint
        order by s.sequence
      ) s join audit_events e on e.id = s.event_id
      where g.before > g.after + 1 and g.before > :after::bigint
      order by g.after, s.sequence limit :batchRows
    ), islands as (
      select min(sequence) as first, max(sequence) as last
      from (select sequence, sequence - row_number() over (order by sequence) as island from looked where goes) going
      group by island
    )
    select (select max(sequence) from looked) as reached, (select count(*) from looked) as looked, i.first, i.last,
      (select chain_hash from audit_seals where sequence = i.first - 1) as before,
      (select chain_hash from audit_seals where sequence = i.last) as "end"
    from (select) one left join islands i on true order by i.first`,
    { after, through, others, batchRows, ...Object.fromEntries(bindings) }
  )
  const [batch] = rows
  const isLast = batch === undefined || Number(batch.looked) < batchRows
  return { ranges: rows.flatMap(rangeOf), next: isLast ? null : Number(batch.reached) }
}

const LIVE_HOLDS = `select from audit_holds h where not exists (
  select from audit_hold_releases r where r.hold_id = h.id)`

function rangeOf(row: BatchRow): PrunedRange[] {
  if (row.first === null) return []
  const [first, last] = [Number(row.first), Number(row.last)]
  return [{ first, last, digest: rangeDigest(first, last, row.before ?? GENESIS, row.end) }]
}

/** A pattern of `like`, in which only `*` stands for other text. */
function actionPattern(action: string): string {
  return action.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%')
}
