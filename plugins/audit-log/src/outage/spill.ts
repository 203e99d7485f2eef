import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalJson, type Clock, type RingKey } from '@sallyport/security-context/mechanics'
import type { EventClass } from '../event-class.ts'
import type { BuiltRecord } from '../record.ts'
import { lockFolder } from './lock-folder.ts'
import {
  createSpillFile,
  readAllEntries,
  readLeftSpill,
  SPILL_START,
  type SpillFile,
  type SpillPlace
} from './spill-file.ts'
import { openTally, type GapCause, type SpillTally, type TrailGap } from './spill-tally.ts'

/** Where and how rows are kept while the database is away. */
export interface SpillOptions {
  /** Of this process alone. */
  readonly folder: string
  /** The first one seals; the others open what was sealed before. */
  readonly keys: readonly RingKey[]
  /** The file does not grow beyond this. */
  readonly maxBytes: number
  readonly clock: Clock
  /** Called when rows that were kept are lost. */
  readonly onDamage: (lost: number) => void
}

/** Rows that are to be written now, oldest first. */
export interface SpilledRows {
  readonly records: readonly BuiltRecord[]
  /** Rows between them that cannot be read any more. */
  readonly unreadable: number
  readonly end: SpillPlace
}

/** Keeps rows, and counts of missing rows, on the disk of this machine. */
export interface Spill {
  /** Resolves when the rows outlive the machine; rejects when they are not kept. */
  readonly keep: (records: readonly BuiltRecord[]) => Promise<void>
  /** Rows that are kept and not in the trail yet. */
  readonly waiting: () => number
  /** Rows that were kept and are gone, since it was opened. */
  readonly lost: () => number
  /** The oldest rows; `null` when none are left. */
  readonly next: () => Promise<SpilledRows | null>
  /** These rows are in the trail. */
  readonly replayed: (rows: SpilledRows) => Promise<void>
  /** Counts missing rows so that the count outlives the process. Throws when it cannot be written. */
  readonly addGap: (cause: GapCause, eventClass: EventClass | null, count: number) => void
  /**
   * Gaps whose rows are to be written now: those that were handed out before and are not written yet, else those until
   * now. What follows is another gap, so that there are never more than two of a kind.
   */
  readonly closeGaps: () => readonly TrailGap[]
  readonly hasGaps: () => boolean
  /** The row of this gap is in the trail. */
  readonly gapWritten: (gap: TrailGap) => void
  readonly close: () => Promise<void>
}

/** Of one row, beside its text. */
const ENTRY_OVERHEAD_BYTES = 32

interface KeepingPart {
  readonly texts: readonly string[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Opens the spill in its folder, with what an earlier process left there.
 * @throws {AuditSpillError} `SALLYPORT_AUDIT_SPILL_LOCKED` when a key is missing
 * @throws {AuditSpillHeldError} `SALLYPORT_AUDIT_SPILL_HELD` when another process has the folder
 */
export async function openSpill(options: SpillOptions): Promise<Spill> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  const unlock = await lockFolder(options.folder)
  try {
    const [path, { keys }] = [join(options.folder, 'rows.spill'), options]
    const left = await readLeftSpill(path, keys)
    const tally = openTally(join(options.folder, 'rows.tally'), keys)
    if (keys[0] === undefined) throw new Error('there is no key')
    const file = await createSpillFile(path, keys[0], left)
    return await createSpill(options, path, { key: keys[0], file, tally, unlock })
  } catch (error) {
    unlock()
    throw error
  }
}

interface SpillParts {
  readonly key: RingKey
  file: SpillFile
  readonly tally: SpillTally
  readonly unlock: () => void
}

async function createSpill(
  { maxBytes, clock, onDamage }: SpillOptions,
  path: string,
  parts: SpillParts
): Promise<Spill> {
  const { key, tally } = parts
  const { state } = tally
  const queue: KeepingPart[] = []
  let [place, gone] = [SPILL_START, 0]
  let turn: Promise<unknown> = Promise.resolve()

  /** One use of the files at a time. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const next = turn.then(work, work)
    turn = next.catch(() => {})
    return next
  }

  /** Adds to the open gap of this kind, so that there are few. */
  function countGap(cause: GapCause, eventClass: EventClass | null, count: number): TrailGap {
    const now = clock()
    const known = state.gaps.find(gap => !gap.closed && gap.cause === cause && gap.eventClass === eventClass)
    const gap = known ?? {
      id: randomUUID(),
      cause,
      eventClass,
      count: 0,
      firstAtMs: now,
      lastAtMs: now,
      closed: false
    }
    if (known === undefined) state.gaps.push(gap)
    gap.count += count
    gap.lastAtMs = now
    return gap
  }

  function noteLost(lost: number): void {
    if (lost <= 0) return
    state.kept -= lost
    gone += lost
    countGap('spill-damaged', null, lost)
    onDamage(lost)
  }

  /** What is in the file now is what is kept: the rest of what was acknowledged is lost. */
  async function settleCount(): Promise<void> {
    noteLost(state.kept - parts.file.entries())
    state.kept = parts.file.entries()
    place = SPILL_START
    tally.write()
    await tally.sync()
  }

  /** A file that was removed can still be read here; one that was cut has what is left of it. */
  async function repair(): Promise<void> {
    if (await parts.file.isWhole()) return
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    tally.repair()
    const damaged = parts.file
    parts.file = await createSpillFile(path, key, await readAllEntries(damaged.read))
    await damaged.close()
    await settleCount()
  }

  async function appendQueued(): Promise<void> {
    const due = queue.splice(0)
    if (due.length === 0) return
    try {
      await repair()
      const texts = due.flatMap(part => part.texts)
      const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + ENTRY_OVERHEAD_BYTES, 0)
      if (parts.file.bytes() + bytes > maxBytes) throw new Error(`the spill is full: ${parts.file.bytes()} bytes`)
      await parts.file.append(texts)
      state.kept += texts.length
      tally.write()
      await tally.sync()
      for (const part of due) part.resolve()
    } catch (error) {
      for (const part of due) part.reject(error)
    }
  }

  async function readNext(): Promise<SpilledRows | null> {
    // Where nothing can be made anew, what is left of the open file is read.
    await repair().catch(() => {})
    while (place.index < parts.file.entries()) {
      const { texts, unreadable, end } = await parts.file.read(place)
      // Only this process seals entries of this file.
      const records = texts.map(text => JSON.parse(text) as BuiltRecord)
      if (records.length > 0) return { records, unreadable, end }
      // Without the length of an entry it is not known where the next one begins.
      const isStuck = end.index === place.index
      noteLost(isStuck ? parts.file.entries() - place.index : unreadable)
      place = isStuck ? { offset: parts.file.bytes(), index: parts.file.entries() } : end
    }
    await emptyWhenDone()
    return null
  }

  /** First the count, so that a process that ends in between finds rows that nobody misses. */
  async function emptyWhenDone(): Promise<void> {
    if (parts.file.entries() === 0 || place.index < parts.file.entries() || queue.length > 0) return
    state.kept = 0
    tally.write()
    await tally.sync()
    await parts.file.empty()
    place = SPILL_START
  }

  if (tally.found === 'damage' || (tally.found === 'nothing' && parts.file.entries() > 0)) {
    countGap('tally-damaged', null, 0)
    onDamage(0)
  }
  await settleCount()

  return {
    keep: records =>
      new Promise<void>((resolve, reject) => {
        queue.push({ texts: records.map(record => canonicalJson(record)), resolve, reject })
        void inTurn(appendQueued)
      }),
    waiting: () => parts.file.entries() - place.index,
    lost: () => gone,
    next: () => inTurn(readNext),
    replayed: rows =>
      inTurn(async () => {
        place = rows.end
        noteLost(rows.unreadable)
        await emptyWhenDone()
      }),
    addGap: (cause, eventClass, count) => {
      const gap = countGap(cause, eventClass, count)
      try {
        tally.write()
      } catch (error) {
        gap.count -= count
        throw error
      }
    },
    closeGaps: () => {
      const due = state.gaps.filter(gap => gap.closed)
      if (due.length > 0) return due
      for (const gap of state.gaps) gap.closed = true
      tally.write()
      return [...state.gaps]
    },
    hasGaps: () => state.gaps.length > 0,
    gapWritten: gap => {
      state.gaps.splice(state.gaps.indexOf(gap), 1)
      tally.write()
    },
    close: () =>
      inTurn(async () => {
        tally.close()
        await parts.file.close()
        parts.unlock()
      })
  }
}
