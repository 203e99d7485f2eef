import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalJson, type Clock, type RingKey } from '@sallyport/security-context/mechanics'
import type { EventClass } from '../event-class.ts'
import type { BuiltRecord } from '../record.ts'
import { lockFolder } from './lock-folder.ts'
import {
  createSpillFile,
  newSpillFileId,
  readAllEntries,
  readLeftSpill,
  SPILL_START,
  type LeftSpill,
  type SpillFile,
  type SpillPlace
} from './spill-file.ts'
import { countGap } from './spill-gaps.ts'
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
    return await createSpill(options, { path, key: keys[0], left, tally, unlock })
  } catch (error) {
    unlock()
    throw error
  }
}

interface SpillParts {
  readonly path: string
  readonly key: RingKey
  readonly left: LeftSpill
  readonly tally: SpillTally
  readonly unlock: () => void
}

async function createSpill({ maxBytes, clock, onDamage }: SpillOptions, parts: SpillParts): Promise<Spill> {
  const { path, key, left, tally, unlock } = parts
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

  function noteLost(lost: number): void {
    if (lost <= 0) return
    state.kept -= lost
    gone += lost
    countGap(state, clock, { cause: 'spill-damaged', eventClass: null, count: lost })
    onDamage(lost)
  }

  function noteUnknown(): void {
    countGap(state, clock, { cause: 'tally-damaged', eventClass: null, count: 0 })
    onDamage(0)
  }

  /**
   * A file that is not the one which the tally names has none of the rows that were kept, however many it has: somebody
   * has put an older copy there. What opens in it was kept once, and is written where the trail does not have it.
   */
  function compareLeft({ id, texts }: LeftSpill): void {
    if (tally.found === 'damage' || (tally.found === 'nothing' && texts.length > 0)) return noteUnknown()
    if (id === null || tally.isOf(id)) return
    if (state.kept > 0) noteLost(state.kept)
    else if (texts.length > 0) noteUnknown()
  }

  /** Puts a new file in the place of what is at the path; whenever the process ends, the tally names what is there. */
  async function beginFile(before: string | null, texts: readonly string[]): Promise<SpillFile> {
    const id = newSpillFileId()
    tally.nameFiles(...(before === null ? [] : [before]), id)
    tally.write()
    await tally.sync()
    const begun = await createSpillFile(path, { key, id, texts })
    tally.nameFiles(id)
    return begun
  }

  /** What is in the file now is what is kept: the rest of what was acknowledged is lost. */
  async function settleCount(): Promise<void> {
    noteLost(state.kept - file.entries())
    state.kept = file.entries()
    place = SPILL_START
    tally.write()
    await tally.sync()
  }

  /** A file that was removed can still be read here; one that was cut has what is left of it. */
  async function repair(): Promise<void> {
    if (await file.isWhole()) return
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    tally.repair()
    const damaged = file
    file = await beginFile(damaged.id(), await readAllEntries(damaged.read))
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
      if (file.bytes() + bytes > maxBytes) throw new Error(`the spill is full: ${file.bytes()} bytes`)
      await file.append(texts)
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
    while (place.index < file.entries()) {
      const { texts, unreadable, end } = await file.read(place)
      // Only this process seals entries of this file.
      const records = texts.map(text => JSON.parse(text) as BuiltRecord)
      if (records.length > 0) return { records, unreadable, end }
      // Without the length of an entry it is not known where the next one begins.
      const isStuck = end.index === place.index
      noteLost(isStuck ? file.entries() - place.index : unreadable)
      place = isStuck ? { offset: file.bytes(), index: file.entries() } : end
    }
    await emptyWhenDone()
    return null
  }

  /** First the count, so that a process that ends in between finds rows that nobody misses. */
  async function emptyWhenDone(): Promise<void> {
    if (file.entries() === 0 || place.index < file.entries() || queue.length > 0) return
    state.kept = 0
    const id = newSpillFileId()
    tally.nameFiles(file.id(), id)
    tally.write()
    await tally.sync()
    await file.empty(id)
    tally.nameFiles(id)
    tally.write()
    place = SPILL_START
  }

  compareLeft(left)
  let file = await beginFile(left.id, left.texts)
  await settleCount()

  return {
    keep: records =>
      new Promise<void>((resolve, reject) => {
        queue.push({ texts: records.map(record => canonicalJson(record)), resolve, reject })
        void inTurn(appendQueued)
      }),
    waiting: () => file.entries() - place.index,
    lost: () => gone,
    next: () => inTurn(readNext),
    replayed: rows =>
      inTurn(async () => {
        place = rows.end
        noteLost(rows.unreadable)
        await emptyWhenDone()
      }),
    addGap: (cause, eventClass, count) => {
      const gap = countGap(state, clock, { cause, eventClass, count })
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
        await file.close()
        unlock()
      })
  }
}
