/** A stored time as milliseconds since the epoch. */
export const millisecondsOf = (time: Date): number => time.getTime()

/** The same for a column that may be empty. */
export const millisecondsOrNull = (time: Date | null): number | null => (time === null ? null : time.getTime())

/** Milliseconds since the epoch as a database time. */
export const timeOf = (milliseconds: number): Date => new Date(milliseconds)

/** The same for a column that may be empty. */
export const timeOrNull = (milliseconds: number | null): Date | null =>
  milliseconds === null ? null : new Date(milliseconds)
