import type { StartTimer } from '@sallyport/security-context/mechanics'

/** A clock with timers that moves when the test says so. */
export interface VirtualTime {
  readonly clock: () => number
  readonly startTimer: StartTimer
  /** How many timers are waiting. */
  readonly waiting: () => number
  /** Moves the clock; before each timer, and at the end, everything that began has come to rest. */
  readonly advance: (ms: number) => Promise<void>
}

/** @param atRest resolves when nothing is under way; it is asked after each timer */
export function virtualTime(startMs: number, atRest: () => Promise<void>): VirtualTime {
  let nowMs = startMs
  const timers = new Set<{ readonly dueMs: number; readonly run: () => void }>()

  function next(untilMs: number): { readonly dueMs: number; readonly run: () => void } | null {
    let found: { readonly dueMs: number; readonly run: () => void } | null = null
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (found === null || timer.dueMs < found.dueMs)) found = timer
    }
    return found
  }

  return {
    clock: () => nowMs,
    startTimer: (run, delayMs) => {
      const timer = { dueMs: nowMs + delayMs, run }
      timers.add(timer)
      return {
        stop: () => {
          timers.delete(timer)
        }
      }
    },
    waiting: () => timers.size,
    async advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = next(untilMs); timer !== null; timer = next(untilMs)) {
        timers.delete(timer)
        nowMs = timer.dueMs
        timer.run()
        await atRest()
      }
      nowMs = untilMs
    }
  }
}
