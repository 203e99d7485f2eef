import type { Clock } from '@sallyport/security-context/mechanics'
import { standingsOf, type QuotaTake, type RateLimitStore } from './rate-limit-store.ts'
import type { WindowCounts } from './sliding-window.ts'

/** How many partitions are counted; a further one takes the place of the one that was used least recently. */
const MOST_PARTITIONS = 100_000

interface KeptCounts {
  previous: number
  current: number
  startedAtMs: number
}

/** Counts in the memory of the process, at once. */
export function memoryRateLimitStore(clock: Clock = Date.now, mostPartitions = MOST_PARTITIONS): RateLimitStore {
  // In the order of their last use.
  const kept = new Map<string, KeptCounts>()

  function countsOf({ key, windowMs }: QuotaTake, nowMs: number): KeptCounts {
    const startedAtMs = nowMs - (nowMs % windowMs)
    const last = kept.get(key)
    if (last === undefined) return { previous: 0, current: 0, startedAtMs }
    if (last.startedAtMs === startedAtMs) return last
    const isNext = last.startedAtMs === startedAtMs - windowMs
    return { previous: isNext ? last.current : 0, current: 0, startedAtMs }
  }

  function keep(key: string, counts: KeptCounts): void {
    counts.current++
    kept.delete(key)
    kept.set(key, counts)
    if (kept.size <= mostPartitions) return
    const [oldest] = kept.keys()
    if (oldest !== undefined) kept.delete(oldest)
  }

  return {
    take(takes) {
      const nowMs = clock()
      const found = takes.map(take => countsOf(take, nowMs))
      const before = found.map(({ previous, current, startedAtMs }): WindowCounts => ({
        previous,
        current,
        elapsedMs: nowMs - startedAtMs
      }))
      const standings = standingsOf(takes, before)
      if (standings.every(standing => standing.hasRoom)) {
        takes.forEach(({ key }, place) => {
          const counts = found[place]
          if (counts !== undefined) keep(key, counts)
        })
      }
      return standings
    }
  }
}
