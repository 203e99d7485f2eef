import { withRetryAfter, type Clock, type StartTimer } from '@sallyport/security-context/mechanics'
import { optionsObject, Type } from '@sallyport/security-context/options'
import { TokenThrottledError } from './errors.ts'

/** How many refreshes an issuer gets at most. */
export interface RefreshPace {
  /** In each second, evenly: one after the other. */
  readonly perSecond: number
  /**
   * How long a refresh waits for its turn, in ms; one that would wait longer is refused with 429 and `Retry-After`.
   * @default 2000
   */
  readonly maxWaitMs?: number
}

export const refreshPace = optionsObject({
  perSecond: Type.Number({ exclusiveMinimum: 0 }),
  maxWaitMs: Type.Number({ minimum: 0, default: 2000 })
})

/** What refreshes are paced with. */
export interface PacingTools {
  readonly clock: Clock
  readonly startTimer: StartTimer
}

/**
 * Bounds how often something is done: each turn is a place in time, one behind the other. Whoever comes alone does not
 * wait; ten thousand sessions that end together cost the issuer this rate and no more.
 * @returns resolves when it is the caller's turn
 * @throws {TokenThrottledError} `SALLYPORT_TOKEN_THROTTLED` when that would take too long
 */
export function paceRefreshes(
  { perSecond, maxWaitMs = 2000 }: RefreshPace,
  { clock, startTimer }: PacingTools
): () => Promise<void> {
  const stepMs = 1000 / perSecond
  let nextMs = Number.NEGATIVE_INFINITY

  return async function waitForTurn() {
    const now = clock()
    // A place that nobody took is gone: a pause is no reserve for a burst.
    const placeMs = Math.max(nextMs, now)
    const waitMs = placeMs - now
    if (waitMs > maxWaitMs) {
      const cause = new Error(`the pace of ${perSecond} refreshes a second is reached`)
      throw withRetryAfter(new TokenThrottledError({ cause }), Math.ceil(waitMs / 1000))
    }
    nextMs = placeMs + stepMs
    if (waitMs > 0) await new Promise<void>(resolve => startTimer(resolve, Math.ceil(waitMs)))
  }
}
