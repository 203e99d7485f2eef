import type { Knex } from 'knex'
import { canonicalJson } from '@sallyport/security-context/mechanics'
import { ADOPT_ACTION, adoptDetail, PRUNE_ACTION, pruneDetail, type PrunedRange } from './pruning-mark.ts'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import type { Rows } from './seal-pending.ts'

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
}
type MarkRow = { readonly mark: MarkColumns; readonly record: AuditRecord }
type PruningRow = MarkColumns & { readonly [Name in keyof AuditRecord]: AuditRecord[Name] }

/**
 * The marks of all prunings, each compared with the row of the trail that states the same. An invalid mark covers
 * nothing. Walking along the chain verifies the stating rows themselves.
 */
export async function readPrunings(trx: Knex.Transaction): Promise<Prunings> {
  const { rows } = await trx.raw<Rows<PruningRow>>(`
    select p.event_id, p.first_sequence, p.through_sequence, p.removed, p.digest, e.content_hash, ${SELECT_RECORD}
    from audit_prunings p left join audit_events e on e.id = p.event_id order by p.through_sequence, p.id`)
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
    ...record
  } = row
  const mark = {
    event_id: event,
    first_sequence: first,
    through_sequence: through,
    removed,
    digest,
    content_hash: hash
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
    contentProblem(record, mark.content_hash) === null &&
    record.action === action &&
    canonicalJson(record.detail) === detail
  )
}
