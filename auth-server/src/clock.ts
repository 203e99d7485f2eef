/** Milliseconds since the epoch; injected, so that lifetimes are tested without waiting. */
export type Clock = () => number

/** Whole seconds since the epoch. */
export const secondsOf = (milliseconds: number): number => Math.floor(milliseconds / 1000)
