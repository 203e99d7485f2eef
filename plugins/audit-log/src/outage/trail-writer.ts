import { isRefusedData, withDeadline, type Schedule } from '@sallyport/security-context/mechanics'
import type { WriteRecords } from '../batch-writer.ts'
import type { EventClass, FailureMode, FailureModes } from '../event-class.ts'
import type { BuiltRecord } from '../record.ts'
import type { Spill, SpilledRows } from './spill.ts'
import type { TrailGap } from './spill-tally.ts'

/** Writes rows of one class; rejects when what they record must not be acknowledged. */
export type WriteClassed = (records: readonly BuiltRecord[], eventClass: EventClass) => Promise<void>

/** Collaborators and settings of {@link createTrailWriter}. */
export interface TrailWriterOptions {
  readonly modes: FailureModes
  /** Opened before anything is written. `null` where every mode is `refuse`. */
  readonly spill: Spill | null
  /** Writes to the database, together with what others write. */
  readonly write: WriteRecords
  /** Writes rows that may be there already. */
  readonly writeAgain: WriteRecords
  readonly gapRow: (gap: TrailGap) => BuiltRecord
  /** How long a row that need not be refused may wait for the database, in ms. */
  readonly timeoutMs: number
  /** How often the database is tried while it is away, in ms. */
  readonly intervalMs: number
  readonly schedule: Schedule
  /** Called when an outage begins, and when it is over and everything is written. */
  readonly onChange: (change: OutageChange) => void
}

/** What an operator is told about an outage. */
export type OutageChange =
  | { readonly state: 'away'; readonly cause: unknown }
  | { readonly state: 'back'; readonly replayed: number; readonly gaps: number }

/** Rows that took another way than the database, since the start but for `spillWaiting`. */
export interface OutageCounts {
  /** Rows in the local file that are not in the trail yet. */
  readonly spillWaiting: number
  readonly spilled: number
  readonly replayed: number
  readonly dropped: number
  /** Rows that were kept and are gone: their file was cut, changed or removed. */
  readonly lost: number
}

/** Writes rows in the way that their class declares. */
export interface TrailWriter {
  readonly write: WriteClassed
  readonly start: () => void
  /** Writes what was kept and what is missing to the database; resolves also when it is away. */
  readonly replay: () => Promise<void>
  readonly counts: () => OutageCounts
  /** Stops, and tries once more. */
  readonly close: () => Promise<void>
}

/**
 * Makes the writer. While the database is away, rows of a class that does not refuse do not wait for it: only
 * {@link TrailWriter.replay} tries it. Rows that may have arrived are kept in every mode but `refuse`, so that what is
 * dropped is exactly what was never sent.
 */
export function createTrailWriter(options: TrailWriterOptions): TrailWriter {
  const { modes, write, writeAgain, gapRow, timeoutMs, intervalMs, schedule, onChange } = options
  const counts = { spilled: 0, replayed: 0, dropped: 0 }
  let isAway = false
  let running: Promise<void> | null = null
  let timer: { stop: () => void } | null = null

  async function writeClassed(records: readonly BuiltRecord[], eventClass: EventClass): Promise<void> {
    const mode = modes[eventClass]
    const { spill } = options
    if (mode === 'refuse' || spill === null) {
      await write(records)
      return
    }
    // Rows that are kept come first, so that the trail has the order in which they happened.
    if (isAway || (mode === 'spill' && spill.waiting() > 0)) {
      await setAside(spill, mode, records, eventClass)
      return
    }
    try {
      await withDeadline(write(records), timeoutMs)
    } catch (error) {
      if (isRefusedData(error)) throw error
      noteAway(error)
      await setAside(spill, 'spill', records, eventClass)
    }
  }

  async function setAside(
    spill: Spill,
    mode: FailureMode,
    records: readonly BuiltRecord[],
    eventClass: EventClass
  ): Promise<void> {
    if (mode === 'drop') {
      spill.addGap('dropped', eventClass, records.length)
      counts.dropped += records.length
      return
    }
    await withDeadline(spill.keep(records), Math.max(timeoutMs, DISK_TIMEOUT_MS))
    counts.spilled += records.length
  }

  function noteAway(cause: unknown): void {
    if (isAway) return
    isAway = true
    onChange({ state: 'away', cause })
  }

  async function replayAll(spill: Spill): Promise<void> {
    if (!isAway && spill.waiting() === 0 && !spill.hasGaps()) return
    const before = counts.replayed
    let gaps = 0
    try {
      for (let rows = await spill.next(); rows !== null; rows = await spill.next()) await replayRows(spill, rows)
      // Those of an attempt that failed, and then those since.
      gaps += await writeGaps(spill)
      gaps += await writeGaps(spill)
      isAway = false
      onChange({ state: 'back', replayed: counts.replayed - before, gaps })
    } catch (error) {
      noteAway(error)
    }
  }

  async function writeGaps(spill: Spill): Promise<number> {
    const due = spill.closeGaps()
    for (const gap of due) {
      await writeAgain([gapRow(gap)])
      spill.gapWritten(gap)
    }
    return due.length
  }

  async function replayRows(spill: Spill, rows: SpilledRows): Promise<void> {
    for (let start = 0; start < rows.records.length; start += REPLAYED_TOGETHER) {
      await writeSome(rows.records.slice(start, start + REPLAYED_TOGETHER))
    }
    await spill.replayed(rows)
    counts.replayed += rows.records.length
  }

  /**
   * A row that the database refuses must not keep back the others for ever. The row that stands for it has its id, so
   * that it is one row however often this is repeated.
   */
  async function writeSome(records: readonly BuiltRecord[]): Promise<void> {
    try {
      await writeAgain(records)
    } catch (error) {
      if (!isRefusedData(error)) throw error
      const [record] = records
      if (records.length > 1) for (const each of records) await writeSome([each])
      else if (record !== undefined) await writeAgain([gapRow(refusedRowGap(record))])
    }
  }

  function replay(): Promise<void> {
    const { spill } = options
    if (spill === null) return Promise.resolve()
    running ??= replayAll(spill).finally(() => {
      running = null
    })
    return running
  }

  return {
    write: writeClassed,
    start: () => {
      timer = options.spill === null ? null : schedule(replay, intervalMs)
    },
    replay,
    counts: () => ({ spillWaiting: options.spill?.waiting() ?? 0, ...counts, lost: options.spill?.lost() ?? 0 }),
    close: async () => {
      timer?.stop()
      await replay()
      await options.spill?.close()
    }
  }
}

/** A disk that is busy is not away yet. */
const DISK_TIMEOUT_MS = 5000
/** Rows of one statement. */
const REPLAYED_TOGETHER = 500

function refusedRowGap({ id, occurredAt }: BuiltRecord): TrailGap {
  const atMs = Date.parse(occurredAt)
  return { id, cause: 'row-refused', eventClass: null, count: 1, firstAtMs: atMs, lastAtMs: atMs, closed: true }
}
