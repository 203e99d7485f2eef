import type { MonotonicClock } from '@sallyport/security-context/mechanics'

const ENDS_WINDOW_MS = 60_000
const FIRST_RESTART_PAUSE_MS = 100
const LONGEST_RESTART_PAUSE_MS = 10_000

/**
 * Decides when a worker that has ended by itself is started again: at first almost at once, then more and more slowly.
 * @param most how many may end within a minute; one more is nothing that a restart mends
 */
export class RestartPace {
  readonly #most: number
  readonly #clock: MonotonicClock
  #ends: number[] = []

  constructor(most: number, clock: MonotonicClock) {
    this.#most = most
    this.#clock = clock
  }

  /** A worker has ended by itself: the pause before the next start, in ms; `null` for no more of them. */
  pauseAfterEnd(): number | null {
    const now = this.#clock()
    this.#ends = [...this.#ends.filter(at => now - at < ENDS_WINDOW_MS), now]
    if (this.#ends.length > this.#most) return null
    return Math.min(FIRST_RESTART_PAUSE_MS * 2 ** (this.#ends.length - 1), LONGEST_RESTART_PAUSE_MS)
  }
}
