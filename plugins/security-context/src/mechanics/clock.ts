/** The time in ms since 1970: `Date.now`, or what a test moves. */
export type Clock = () => number

/** A clock in ms that is never set and counts from anywhere, for durations: `performance.now`. */
export type MonotonicClock = () => number

/** Random bytes: `randomBytes` of `node:crypto`, or what a test knows. */
export type Random = (bytes: number) => Buffer
