import { withDeadline } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { RecordRules } from '../build-record.ts'
import type { SealedRecord } from '../query.ts'
import { readAudit } from '../search/read-audit.ts'
import type { PushCursor, PushPlace } from './push-cursor.ts'
import { bareRow, rowToPush } from './pushed-row.ts'
import type { SentBatch, TrailReceiver } from './receiver.ts'

/** What a run of the push works with. */
export interface PushRun {
  readonly db: Knex
  readonly cursor: PushCursor
  readonly receiver: TrailReceiver
  readonly rules: RecordRules
  readonly batchRows: number
  /** Limit of each batch, in ms. */
  readonly sendTimeoutMs: number
  /** Limit of each reading, in ms. */
  readonly readTimeoutMs: number
  /** Ends the run, and the batch under way. */
  readonly signal: AbortSignal
  /** Told the place whenever it is known. */
  readonly onPlace: (place: PushPlace) => void
  /** Rows that the receiver has now; of those it left out `refused` ones, as it says. */
  readonly onPushed: (rows: number, refused: number) => void
  /** A row that the receiver refuses, and for which a bare one was sent. */
  readonly onRefused: (row: SealedRecord, reason: string) => void
}

/** Places that one reading looks at: where rows were pruned it finds nothing, and has to end in time all the same. */
export const PLACES_OF_A_READING = 20_000
/** Rows of one batch are together no longer than this, as JSON, unless there is only one. */
const MOST_BATCH_BYTES = 1_048_576

/**
 * Pushes what is sealed and was not pushed, batch by batch in the order of the trail. The place moves on once the
 * receiver has a batch, so that a process that ends in between leaves it to be sent again. Does nothing while another
 * process pushes. Rejects when the receiver or the database fails.
 */
export async function pushPending(run: PushRun): Promise<void> {
  const { cursor, onPlace, signal } = run
  const place = await cursor.look()
  if (place !== null) onPlace(place)
  if (place !== null && place.waiting === 0 && !place.hasEnded) return
  let through = await cursor.take()
  while (through !== null && !signal.aborted) {
    // Read before the rows: what is sealed by now and has no row any more was pruned.
    const now = await cursor.look()
    if (now === null) return
    onPlace(now)
    if (now.waiting === 0) return
    const last = through + Math.min(now.waiting, PLACES_OF_A_READING)
    const rows = await nextRows(run, through, last)
    through = rows.length === 0 ? await moveTo(run, last) : await pushRows(run, rows, through)
  }
}

async function nextRows(
  { db, rules, batchRows, readTimeoutMs }: PushRun,
  after: number,
  last: number
): Promise<SealedRecord[]> {
  const also = [{ sql: 's.sequence <= ?', values: [last] }]
  const query = { order: 'oldest', after, limit: batchRows } as const
  const { events } = await readAudit(db, query, { timeoutMs: readTimeoutMs, also })
  let bytes = 0
  const end = events.findIndex(row => (bytes += Buffer.byteLength(JSON.stringify(row))) > MOST_BATCH_BYTES)
  const taken = end === -1 ? events : events.slice(0, Math.max(1, end))
  return taken.map(row => rowToPush(row, rules))
}

/** Pushes rows, in halves where the receiver refuses them together. `null`: another process pushes now. */
async function pushRows(run: PushRun, rows: readonly SealedRecord[], after: number): Promise<number | null> {
  const batches = [rows]
  let through: number | null = after
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    const sent = await sendBatch(run, batch)
    const [first] = batch
    // The place is kept for one sending; a receiver may take its time also to refuse.
    if (sent.kind === 'refused' && (await moveTo(run, through)) === null) return null
    if (sent.kind === 'refused' && batch.length > 1) {
      const middle = Math.ceil(batch.length / 2)
      batches.unshift(batch.slice(0, middle), batch.slice(middle))
      continue
    }
    if (sent.kind === 'refused' && first !== undefined) await sendBare(run, first, sent.reason)
    through = await moveTo(run, batch.at(-1)?.sequence ?? 0)
    if (through === null) return null
    run.onPushed(batch.length, sent.kind === 'taken' ? sent.refused : 1)
    if (run.signal.aborted) break
  }
  return through
}

/** The place of a row is not lost with its text. Who refuses even that refuses everything: it is tried again. */
async function sendBare(run: PushRun, row: SealedRecord, reason: string): Promise<void> {
  const sent = await sendBatch(run, [bareRow(row)])
  if (sent.kind === 'refused') throw new Error(`the receiver takes nothing: ${sent.reason}`)
  run.onRefused(row, reason)
}

async function sendBatch(
  { receiver, sendTimeoutMs, signal }: PushRun,
  batch: readonly SealedRecord[]
): Promise<SentBatch> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)])
  return await withDeadline(receiver.send(batch, either), sendTimeoutMs + GRACE_MS)
}

/** For a receiver that ends what it does at the signal. */
const GRACE_MS = 500

async function moveTo({ cursor }: PushRun, through: number): Promise<number | null> {
  return (await cursor.move(through)) ? through : null
}
