import type { Knex } from 'knex'
import { canonicalJson } from '@sallyport/security-context/mechanics'
import { ADOPT_ACTION, adoptDetail, PRUNE_ACTION, pruneDetail, type PrunedRange } from './pruning-mark.ts'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import { SEAL_PAGE_ROWS, type Rows } from './seal-pending.ts'

/** Which rows may be missing, by valid marks. */
export interface Prunings {
  /** In ascending order, without overlap. */
  readonly ranges: readonly PrunedRange[]
  /** Rows up to this sequence were removed by releases that did not state which; 0 when none were. */
  readonly unstatedThrough: number
  /** Sequence at which the first invalid mark begins. */
  readonly firstWrong: number | null
}

interface MarkColumns {
  readonly event_id: string | null
  readonly first_sequence: string | null
  readonly through_sequence: string
  readonly removed: string
  readonly digest: Buffer | null
  readonly content_hash: Buffer | null
  /** Its row is sealed, or the next run of the sealer finds it. */
  readonly is_in_chain: boolean
}
type MarkRow = { readonly mark: MarkColumns; readonly record: AuditRecord }
type PruningRow = MarkColumns & { readonly [Name in keyof AuditRecord]: AuditRecord[Name] }

/** What the sealer reads from, as the last page says, and the transaction that comes next. */
export const WATERMARK_AND_END = `(select pg_snapshot_xmax(pg_current_snapshot()) as upcoming, coalesce((
    select watermark from (select sequence, watermark from audit_seals order by sequence desc limit ${SEAL_PAGE_ROWS}) recent
    where watermark is not null order by sequence desc limit 1), '0'::xid8) as watermark) sealing`
/** A watermark in the future comes from another cluster, whose rows are all read. */
export const IS_ABOUT_TO_BE_SEALED = `(e.transaction_id >= sealing.watermark
    and (e.transaction_id < sealing.upcoming or sealing.watermark > sealing.upcoming))`

/**
 * The marks of all prunings, each compared with the row of the trail that states the same. An invalid mark covers
 * nothing, and neither does one whose row no sealer will find: it would be in no chain. Walking along the chain
 * verifies the stating rows themselves.
 */
export async function readPrunings(trx: Knex.Transaction): Promise<Prunings> {
  const { rows } = await trx.raw<Rows<PruningRow>>(`
    select p.event_id, p.first_sequence, p.through_sequence, p.removed, p.digest, e.content_hash, ${SELECT_RECORD},
      exists (select from audit_seals s where s.event_id = e.id) or ${IS_ABOUT_TO_BE_SEALED} as is_in_chain
    from audit_prunings p left join audit_events e on e.id = p.event_id, ${WATERMARK_AND_END}
    order by p.through_sequence, p.id`)
  const marks = rows.map(markOf)
  const unstated = marks.filter(({ mark }) => mark.first_sequence === null)
  const adopted = isAdopted(unstated)
  const unstatedThrough = adopted ? Number(unstated.at(-1)?.mark.through_sequence ?? 0) : 0
  const ranges: PrunedRange[] = []
  const wrong = adopted ? [] : [1]
  for (const mark of marks.filter(({ mark }) => mark.first_sequence !== null)) {
    const range = statedRange(mark)
    if (range !== null && range.first > (ranges.at(-1)?.last ?? unstatedThrough)) ranges.push(range)
    else wrong.push(Number(mark.mark.first_sequence))
  }
  return { ranges, unstatedThrough, firstWrong: wrong.length === 0 ? null : Math.max(1, Math.min(...wrong)) }
}

function markOf(row: PruningRow): MarkRow {
  const {
    event_id: event,
    first_sequence: first,
    through_sequence: through,
    removed,
    digest,
    content_hash: hash,
    is_in_chain: isInChain,
    ...record
  } = row
  const mark = {
    event_id: event,
    first_sequence: first,
    through_sequence: through,
    removed,
    digest,
    content_hash: hash,
    is_in_chain: isInChain
  }
  return { mark, record }
}

/** The range of a mark whose row in the trail says exactly the same; `null` when the mark is invalid. */
function statedRange({ mark, record }: MarkRow): PrunedRange | null {
  const [first, last] = [Number(mark.first_sequence), Number(mark.through_sequence)]
  const range = { first, last, digest: mark.digest?.toString('hex') ?? '' }
  const holds = range.first > 0 && range.last >= range.first && Number(mark.removed) === range.last - range.first + 1
  return holds && markStates(mark, record, PRUNE_ACTION, canonicalJson(pruneDetail(range))) ? range : null
}

/** One row states all old marks, and each of them covers everything from the end of the one before to its own. */
function isAdopted(marks: readonly MarkRow[]): boolean {
  const said = marks.map(({ mark }) => ({
    throughSequence: Number(mark.through_sequence),
    removed: Number(mark.removed)
  }))
  const detail = canonicalJson(adoptDetail(said))
  let through = 0
  return marks.every(({ mark, record }) => {
    // What such marks never had is no part of them, and so nobody may have put it there.
    const complete = mark.digest === null && Number(mark.removed) === Number(mark.through_sequence) - through
    through = Number(mark.through_sequence)
    return complete && markStates(mark, record, ADOPT_ACTION, detail)
  })
}

function markStates(mark: MarkColumns, record: AuditRecord, action: string, detail: string): boolean {
  return (
    mark.content_hash !== null &&
    mark.is_in_chain &&
    contentProblem(record, mark.content_hash) === null &&
    record.action === action &&
    canonicalJson(record.detail) === detail
  )
}

/** Whether a row at this place may be missing. */
export function isPrunedPlace({ ranges, unstatedThrough }: Prunings, sequence: number): boolean {
  return sequence <= unstatedThrough || ranges.some(({ first, last }) => sequence >= first && sequence <= last)
}
