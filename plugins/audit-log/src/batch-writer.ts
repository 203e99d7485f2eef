import { withDeadline } from '@sallyport/security-context/mechanics'
import type { BuiltRecord } from './record.ts'

/** Writes records; resolves when they are committed. */
export type WriteRecords = (records: readonly BuiltRecord[]) => Promise<void>

/** Collaborators and bounds of a batch writer. */
export interface BatchWriterOptions {
  /** Inserts records in one statement. */
  readonly insert: WriteRecords
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

const MAX_BATCH = 200

/**
 * Group commit: while one insert is under way, the records of other requests collect and go into the next one together.
 * When a batch fails its parts are tried one by one, so that a bad record fails only its own request. When it gets no
 * answer in time, all its parts fail and the writer goes on with the next batch.
 */
export function createBatchWriter({ insert, timeoutMs, maxWaiting }: BatchWriterOptions): BatchWriter {
  const parts: Part[] = []
  let [running, waiting, refused, givenUp] = [false, 0, 0, 0]

  async function drain(): Promise<void> {
    running = true
    while (parts.length > 0) {
      const batch = parts.splice(0, MAX_BATCH)
      for (const part of batch) waiting -= part.records.length
      await writeTogether(batch)
    }
    running = false
  }

  async function writeTogether(batch: readonly Part[]): Promise<void> {
    try {
      await insertInTime(batch.flatMap(part => part.records))
      for (const part of batch) part.resolve()
    } catch (error) {
      if (batch.length === 1 || isInsertTimeout(error)) for (const part of batch) part.reject(error)
      else await Promise.all(batch.map(part => insertInTime(part.records).then(part.resolve, part.reject)))
    }
  }

  async function insertInTime(records: readonly BuiltRecord[]): Promise<void> {
    try {
      await withDeadline(insert(records), timeoutMs)
    } catch (error) {
      if (isInsertTimeout(error)) givenUp++
      throw error
    }
  }

  return {
    counts: () => ({ waiting, refused, givenUp }),
    write: records =>
      new Promise<void>((resolve, reject) => {
        // There is always room for one part beside the insert under way, however large it is.
        if (waiting > 0 && waiting + records.length > maxWaiting) {
          refused += records.length
          reject(new Error(`${waiting} audit records wait already`))
          return
        }
        waiting += records.length
        parts.push({ records, resolve, reject })
        if (!running) void drain()
      })
  }
}

function isInsertTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ETIMEDOUT'
}
