import type { Clock } from '@sallyport/security-context/mechanics'

/** A clock that stands still until the test moves it; give it to every option `clock`. */
export interface FrozenClock extends Clock {
  /** The time in ms since 1970; a test may set it. */
  ms: number
  /** Moves the time on by this many ms. */
  advance: (ms: number) => void
}

/** Makes a clock that stands still. @param ms where it stands, in ms since 1970; default the time now */
export function frozenClock(ms: number = Date.now()): FrozenClock {
  const clock: FrozenClock = Object.assign(() => clock.ms, {
    ms,
    advance: (passed: number) => {
      clock.ms += passed
    }
  })
  return clock
}
