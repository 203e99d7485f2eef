/** What a soak found: counts to print, and what did not hold, one sentence each. */
export interface SoakResult {
  readonly counts: Readonly<Record<string, number>>
  readonly broken: readonly string[]
}

/** A long run that has to hold. */
export type Soak = (log: (line: string) => void) => Promise<SoakResult>
