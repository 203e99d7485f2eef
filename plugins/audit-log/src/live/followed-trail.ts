import type { MonotonicClock, StartTimer } from '@sallyport/security-context/mechanics'
import type { SealedRecord } from '../query.ts'
import { missingReason } from '../search/search-trails.ts'
import type { LiveStep } from './live-rows.ts'

/** One trail of several that are followed. */
export interface LiveTrail {
  /** Of the process that keeps it. */
  readonly name: string
  /**
   * Follows it, from after a sequence or from its end. What does not answer rejects, and is followed again later.
   * @param signal ends it
   */
  readonly follow: (after: number | undefined, signal: AbortSignal) => AsyncIterable<LiveStep>
}

/** A row that waits for earlier ones of other trails, and since when. */
interface WaitingRow {
  readonly row: SealedRecord
  readonly sinceMs: number
}

/** A trail that is followed with others. */
export interface FollowedTrail {
  readonly name: string
  readonly waiting: readonly WaitingRow[]
  readonly isMissing: boolean
  /** After which sequence it began; `undefined` until it says so. */
  readonly place: number | undefined
  readonly takeRow: () => void
  /** What became of it since it was asked last: it does not answer, or does again. */
  readonly takeNews: () => { readonly reason: string } | 'back' | null
}

interface FollowingOptions {
  readonly now: MonotonicClock
  readonly startTimer: StartTimer
  readonly retryMs: number
  /** Rows that may wait; while there are as many, nothing is read. */
  readonly most: number
  readonly signal: AbortSignal
  readonly changed: () => void
}

/** Follows one trail until its signal ends it, again and again where it ends by itself. */
export function followTrail(
  { name, follow }: LiveTrail,
  start: number | undefined,
  { now, startTimer, retryMs, most, signal, changed }: FollowingOptions
): FollowedTrail {
  const waiting: WaitingRow[] = []
  let place = start
  let last = start
  let isMissing = false
  let news: ReturnType<FollowedTrail['takeNews']> = null
  let room = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => {
    room.resolve()
  })

  async function readOnce(): Promise<void> {
    for await (const step of follow(last, signal)) {
      // Who was not told that it was missing is not told that it is back.
      if (isMissing) news = news === null ? 'back' : null
      isMissing = false
      if (step.kind === 'place') {
        place ??= step.sequence
        last ??= step.sequence
      } else if (step.kind === 'row') {
        place ??= step.row.sequence - 1
        waiting.push({ row: step.row, sinceMs: now() })
        last = step.row.sequence
      }
      changed()
      while (waiting.length >= most && !signal.aborted) {
        room = Promise.withResolvers<void>()
        await room.promise
      }
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const began = now()
      try {
        await readOnce()
        // A stream ends with its token, and is asked for again at once.
        if (now() - began >= retryMs) continue
        setMissing('ended')
      } catch (error) {
        setMissing(missingReason(error))
      }
      await rest(retryMs)
    }
  }

  function setMissing(reason: string): void {
    if (signal.aborted || isMissing) return
    isMissing = true
    news = { reason }
    changed()
  }

  async function rest(ms: number): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const wakeUp = (): void => {
      resolve()
    }
    const timer = startTimer(wakeUp, ms)
    signal.addEventListener('abort', wakeUp)
    await promise
    signal.removeEventListener('abort', wakeUp)
    timer.stop()
  }

  void run()
  return {
    name,
    waiting,
    get isMissing() {
      return isMissing
    },
    get place() {
      return place
    },
    takeRow: () => {
      waiting.shift()
      room.resolve()
    },
    takeNews: () => {
      const taken = news
      news = null
      return taken
    }
  }
}
