/** What one partition of a quota has used: by window of the clock, the last one and the one that runs. */
export interface WindowCounts {
  readonly previous: number
  readonly current: number
  /** How much of the window that runs has passed, in ms. */
  readonly elapsedMs: number
}

/** How many requests there may be in any window. */
export interface WindowQuota {
  readonly quota: number
  /** In ms. */
  readonly windowMs: number
}

/**
 * Whether one more request fits. The requests of the last window count for the part of it that the sliding window still
 * covers, as if they had come evenly. In whole numbers, so that every store decides alike.
 */
export function hasRoom({ previous, current, elapsedMs }: WindowCounts, { quota, windowMs }: WindowQuota): boolean {
  return previous * (windowMs - elapsedMs) + (current + 1) * windowMs <= quota * windowMs
}

/** How many more requests fit now. */
export function roomLeft({ previous, current, elapsedMs }: WindowCounts, { quota, windowMs }: WindowQuota): number {
  return Math.max(0, Math.floor(quota - current - (previous * (windowMs - elapsedMs)) / windowMs))
}

/** How long until one more request fits than fits now, in ms, if none comes in between. */
export function msUntilMoreRoom(counts: WindowCounts, allowed: WindowQuota): number {
  const { previous, current, elapsedMs } = counts
  const { quota, windowMs } = allowed
  const wanted = quota - roomLeft(counts, allowed) - 1
  // In this window only what the last one has left fades.
  if (previous > 0 && current <= wanted) return Math.max(0, windowMs * (1 - (wanted - current) / previous) - elapsedMs)
  const untilNextMs = windowMs - elapsedMs
  return current <= wanted ? untilNextMs : untilNextMs + windowMs * (1 - wanted / current)
}
