import type { StartTimer } from '@sallyport/security-context/mechanics'
import { frozenClock, type FrozenClock } from './frozen-clock.ts'

/** A clock that stands still, with timers that run when the test moves it. */
export interface FrozenTimers {
  /** For every option `clock`. */
  readonly clock: FrozenClock
  /** For every option `startTimer`. */
  readonly startTimer: StartTimer
  /** How many timers are waiting. */
  readonly waiting: () => number
  /** Moves the clock by this many ms, and runs the timers that are due, in their order. */
  readonly advance: (ms: number) => Promise<void>
}

interface WaitingTimer {
  readonly dueMs: number
  readonly run: () => void
}

/**
 * Makes a clock with timers.
 * @param ms where it stands, in ms since 1970; default the time now
 * @param atRest awaited after each timer: resolves when everything that it began is done
 */
export function frozenTimers(ms: number = Date.now(), atRest: () => Promise<void> = async () => {}): FrozenTimers {
  const clock = frozenClock(ms)
  const timers = new Set<WaitingTimer>()

  function nextDue(untilMs: number): WaitingTimer | null {
    let found: WaitingTimer | null = null
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (found === null || timer.dueMs < found.dueMs)) found = timer
    }
    return found
  }

  return {
    clock,
    startTimer: (run, delayMs) => {
      const timer = { dueMs: clock() + delayMs, run }
      timers.add(timer)
      return {
        stop: () => {
          timers.delete(timer)
        }
      }
    },
    waiting: () => timers.size,
    advance: async passed => {
      const untilMs = clock() + passed
      for (let timer = nextDue(untilMs); timer !== null; timer = nextDue(untilMs)) {
        timers.delete(timer)
        clock.ms = timer.dueMs
        timer.run()
        await atRest()
      }
      clock.ms = untilMs
    }
  }
}
