import { errorCode, withDeadline } from '@sallyport/security-context/mechanics'
import type { BuiltRecord } from './record.ts'

/** Writes records; resolves when they are committed. */
export type WriteRecords = (records: readonly BuiltRecord[]) => Promise<void>

/** Collaborators and bounds of a batch writer. */
export interface BatchWriterOptions {
  /** Inserts new records in one statement. */
  readonly insert: WriteRecords
  /** Inserts records that may be there already: an attempt whose end nobody saw. */
  readonly insertAgain: WriteRecords
  /** How long one insert may take. The next one does not wait longer for it. */
  readonly timeoutMs: number
  /** How many records may wait, beside those of the insert under way. */
  readonly maxWaiting: number
}

/** A writer with its counts. */
export interface BatchWriter {
  /** Rejects when the records cannot be written in time, or when too many are waiting. */
  readonly write: WriteRecords
  readonly counts: () => WriterCounts
}

/** The counts of a writer; all but `waiting` are since the start. */
export interface WriterCounts {
  /** Records that wait for the insert under way. */
  readonly waiting: number
  /** Records that were refused because too many waited. */
  readonly refused: number
  /** Inserts that had no answer in time. */
  readonly givenUp: number
}

interface Part {
  readonly records: readonly BuiltRecord[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** `unique_violation`. @see PostgreSQL, appendix A */
const IS_THERE_ALREADY = '23505'
const MAX_BATCH = 200
/** Inserts at a time: while the database writes one, this process puts the next one together. */
const MAX_UNDER_WAY = 2
/** A second insert costs a round trip and a commit of its own, which fewer records are not worth. */
const WORTH_A_SECOND = 16

/**
 * Group commit: while an insert is under way, the records of other requests collect and go into the next one together.
 * Where many wait, they go in two inserts beside each other; records of one write are never parted. When a batch fails
 * its parts are tried one by one, so that a bad record fails only its own request. When it gets no answer in time, all
 * its parts fail and the writer goes on with the next batch.
 */
export function createBatchWriter({ insert, insertAgain, timeoutMs, maxWaiting }: BatchWriterOptions): BatchWriter {
  const parts: Part[] = []
  let [underWay, waiting, refused, givenUp] = [0, 0, 0, 0]
  let isDue = false

  function writeDue(): void {
    if (parts.length === 0 || (underWay > 0 && (underWay === MAX_UNDER_WAY || waiting < WORTH_A_SECOND))) return
    // All that waits in one insert would leave this process idle until it is written.
    const share = waiting < 2 * WORTH_A_SECOND ? MAX_BATCH : Math.ceil(parts.length / (MAX_UNDER_WAY - underWay))
    const batch = parts.splice(0, Math.min(share, MAX_BATCH))
    for (const part of batch) waiting -= part.records.length
    underWay++
    void writeTogether(batch)
    if (waiting > 0) writeSoon()
  }

  /** Later, so that what the answers to a batch cause goes into the next one as a whole. */
  function writeSoon(): void {
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      writeDue()
    })
  }

  function endInsert(): void {
    underWay--
    writeSoon()
  }

  async function writeTogether(batch: readonly Part[]): Promise<void> {
    try {
      await inTime(insert(batch.flatMap(part => part.records)))
      endInsert()
      for (const part of batch) part.resolve()
    } catch (error) {
      const isWorthMore = batch.length > 1 || errorCode(error) === IS_THERE_ALREADY
      if (isWorthMore && !isInsertTimeout(error)) await writeApart(batch)
      else for (const part of batch) part.reject(error)
      endInsert()
    }
  }

  async function writeApart(batch: readonly Part[]): Promise<void> {
    await Promise.all(batch.map(part => inTime(insertAgain(part.records)).then(part.resolve, part.reject)))
  }

  async function inTime(inserted: Promise<void>): Promise<void> {
    try {
      await withDeadline(inserted, timeoutMs)
    } catch (error) {
      if (isInsertTimeout(error)) givenUp++
      throw error
    }
  }

  return {
    counts: () => ({ waiting, refused, givenUp }),
    write: records =>
      new Promise<void>((resolve, reject) => {
        // There is always room for one part beside the inserts under way, however large it is.
        if (waiting > 0 && waiting + records.length > maxWaiting) {
          refused += records.length
          reject(new Error(`${waiting} audit records wait already`))
          return
        }
        waiting += records.length
        parts.push({ records, resolve, reject })
        if (underWay === 0 && !isDue) writeDue()
        else if (underWay < MAX_UNDER_WAY && waiting >= WORTH_A_SECOND) writeSoon()
      })
  }
}

function isInsertTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ETIMEDOUT'
}
