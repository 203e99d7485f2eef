import { hasRoom, msUntilMoreRoom, roomLeft, type WindowCounts, type WindowQuota } from './sliding-window.ts'

/** One request that is counted in one partition of a quota. */
export interface QuotaTake extends WindowQuota {
  /** Names the limit and whom it counts. */
  readonly key: string
}

/** How a partition stands with the request. */
export interface QuotaStanding {
  readonly hasRoom: boolean
  /** Further requests that fit, this one counted if it was admitted. */
  readonly remaining: number
  /** Until one more fits, in ms. */
  readonly moreInMs: number
}

/**
 * Counts requests. All takes of one call are counted, or none is: a request that one limit refuses uses nothing of the
 * others.
 */
export interface RateLimitStore {
  /** @returns a standing for each take, in their order; rejects when the store cannot be asked */
  readonly take: (takes: readonly QuotaTake[]) => readonly QuotaStanding[] | Promise<readonly QuotaStanding[]>
}

/** What a store answers, from the counts as they were before the request. */
export function standingsOf(takes: readonly QuotaTake[], counts: readonly WindowCounts[]): readonly QuotaStanding[] {
  const pairs = takes.map((take, place) => ({ take, before: counts[place] ?? UNUSED }))
  const isCounted = pairs.every(({ take, before }) => hasRoom(before, take))
  return pairs.map(({ take, before }) => {
    const after = isCounted ? { ...before, current: before.current + 1 } : before
    return {
      hasRoom: hasRoom(before, take),
      remaining: roomLeft(after, take),
      moreInMs: msUntilMoreRoom(after, take)
    }
  })
}

const UNUSED: WindowCounts = Object.freeze({ previous: 0, current: 0, elapsedMs: 0 })
