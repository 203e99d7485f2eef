/** Whole seconds since the epoch. */
export const secondsOf = (milliseconds: number): number => Math.floor(milliseconds / 1000)
