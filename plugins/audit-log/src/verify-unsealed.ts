import type { Knex } from 'knex'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import { setPlannerForRows } from './search/read-audit.ts'
import { readWatermark, type Rows } from './seal-pending.ts'
import { WATERMARK_AND_END } from './verify-prunings.ts'

/** What can be wrong with rows that have no seal. */
export type UnsealedProblem = 'unsealed-row-changed' | 'version-unknown' | 'row-never-sealed'

/** Where a walk over the rows that no run of the sealer reads is: before this transaction everything was looked at. */
export interface UnsealedPlace {
  readonly transaction: bigint
  /**
   * The furthest watermark that was seen. Whoever owns the database can set back the one that is stored, and the sealer
   * that is running does not ask for it.
   */
  readonly watermark: bigint
}

/** Where a walk begins. */
export const UNSEALED_START: UnsealedPlace = { transaction: 0n, watermark: 0n }

type UnsealedRow = {
  readonly content_hash: Buffer | null
  readonly is_never_read: boolean
} & AuditRecord

/**
 * The sealer reads on from a watermark, and only what has begun by now. The rows of a transaction that is open, however
 * long, are behind the watermark. After a copy from another cluster it reads everything.
 */
const IS_NEVER_READ = `(sealing.watermark <= sealing.upcoming
  and (e.transaction_id < sealing.watermark or e.transaction_id >= sealing.upcoming)) as is_never_read`

/** Looks at all rows without a seal. */
export async function checkUnsealed(
  trx: Knex.Transaction,
  batchSize: number
): Promise<{ readonly rows: number; readonly problem: UnsealedProblem | null }> {
  let [count, after] = [0, '00000000-0000-0000-0000-000000000000']
  let problem: UnsealedProblem | null = null
  for (;;) {
    const { rows } = await trx.raw<Rows<UnsealedRow>>(
      `
      select e.content_hash, ${IS_NEVER_READ}, ${SELECT_RECORD} from audit_events e, ${WATERMARK_AND_END}
      where e.id > ? and not exists (select from audit_seals s where s.event_id = e.id) order by e.id limit ?`,
      [after, batchSize]
    )
    count += rows.length
    for (const row of rows) problem ??= unsealedProblem(row)
    after = rows.at(-1)?.id ?? after
    if (rows.length < batchSize) return { rows: count, problem }
  }
}

function unsealedProblem({
  content_hash: hash,
  is_never_read: isNeverRead,
  ...record
}: UnsealedRow): UnsealedProblem | null {
  const problem = hash === null ? 'content-changed' : contentProblem(record, hash)
  if (problem !== null) return problem === 'content-changed' ? 'unsealed-row-changed' : problem
  return isNeverRead ? 'row-never-sealed' : null
}

/** What a step of the walk found. */
export interface UnsealedStep {
  readonly place: UnsealedPlace
  /** Id of a row that has no seal and will never have one. */
  readonly row: string | null
  readonly isEnd: boolean
}

interface WalkedRow {
  readonly id: string
  readonly transaction: string
  readonly sequence: string | null
}

/**
 * Looks at the next rows that no run of the sealer will read: those of transactions before its watermark, all of which
 * are sealed in an honest trail, and then those of transactions that have not begun.
 */
export async function walkUnsealed(
  trx: Knex.Transaction,
  { transaction, watermark: known }: UnsealedPlace,
  rowsPerStep: number
): Promise<UnsealedStep> {
  const upcoming = await readUpcoming(trx)
  const stored = await readWatermark(trx)
  // Of another cluster: the next run reads everything.
  const isKnown = stored <= upcoming || (known > 0n && known <= upcoming)
  const watermark = largest(stored <= upcoming ? stored : 0n, known <= upcoming ? known : 0n)
  if (!isKnown) return { place: UNSEALED_START, row: null, isEnd: true }
  const isPast = transaction < watermark
  const from = isPast ? transaction : largest(transaction, upcoming)
  await setPlannerForRows(trx)
  const { rows } = await trx.raw<Rows<WalkedRow>>(
    `
    select e.id, e.transaction_id::text as transaction, s.sequence from (
      select id, transaction_id from audit_events
      where transaction_id >= :from::xid8 and (:before::xid8 is null or transaction_id < :before::xid8)
      order by transaction_id fetch first ${rowsPerStep} rows with ties
    ) e left join audit_seals s on s.event_id = e.id order by e.transaction_id`,
    { from: `${from}`, before: isPast ? `${watermark}` : null }
  )
  const row = rows.find(each => each.sequence === null)?.id ?? null
  const last = rows.at(-1)
  if (last !== undefined && rows.length >= rowsPerStep) {
    return { place: { transaction: BigInt(last.transaction) + 1n, watermark }, row, isEnd: false }
  }
  const place = { transaction: isPast ? watermark : from, watermark }
  return isPast && row === null ? await walkUnsealed(trx, place, rowsPerStep) : { place, row, isEnd: true }
}

async function readUpcoming(trx: Knex.Transaction): Promise<bigint> {
  const {
    rows: [row]
  } = await trx.raw<Rows<{ upcoming: string }>>('select pg_snapshot_xmax(pg_current_snapshot())::text as upcoming')
  return BigInt(row?.upcoming ?? 0)
}

const largest = (one: bigint, other: bigint): bigint => (one > other ? one : other)
