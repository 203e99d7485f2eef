import { type MonotonicClock, withDeadline } from '@sallyport/security-context/mechanics'
import type { QuotaStanding, QuotaTake, RateLimitStore } from './rate-limit-store.ts'

/** A store that several processes share and that may be away. */
export interface SharedLimits {
  /** `null` when the store cannot be asked; never rejects, and never takes longer than the longest wait. */
  readonly take: (takes: readonly QuotaTake[]) => Promise<readonly QuotaStanding[] | null>
  readonly isAway: () => boolean
  /** Times that the store was asked and gave no answer. */
  readonly failures: () => number
}

/** What {@link sharedLimits} needs beside the store. */
export interface SharedLimitsParts {
  /** Told when the store is away, and when it is back. */
  readonly log: (isAway: boolean, error: unknown) => void
  readonly clock?: MonotonicClock
  readonly longestWaitMs?: number
}

/** No request waits longer for its limits, in ms. */
const STORE_WAIT_MS = 100
/** How long nobody asks a store that did not answer; then one request does, in ms. */
const LEFT_ALONE_MS = 1000

/**
 * Asks a shared store with a bounded wait. A store that does not answer is left alone for a while, and then one request
 * at a time tries it: an outage costs one wait a second, and not one for each request.
 */
export function sharedLimits(
  store: RateLimitStore,
  { log, clock = () => performance.now(), longestWaitMs = STORE_WAIT_MS }: SharedLimitsParts
): SharedLimits {
  let leftAloneUntilMs = -Infinity
  let isAway = false
  let failed = 0

  return {
    isAway: () => isAway,
    failures: () => failed,
    async take(takes) {
      if (clock() < leftAloneUntilMs) return null
      // Whoever comes while this one tries does not try too.
      if (isAway) leftAloneUntilMs = clock() + LEFT_ALONE_MS
      try {
        const standings = await withDeadline(Promise.resolve(store.take(takes)), longestWaitMs)
        if (isAway) log(false, null)
        isAway = false
        leftAloneUntilMs = -Infinity
        return standings
      } catch (error) {
        failed++
        if (!isAway) log(true, error)
        isAway = true
        leftAloneUntilMs = clock() + LEFT_ALONE_MS
        return null
      }
    }
  }
}
