import type { FaultStack } from './fault-stack.ts'

/** What a drill has to work with. */
export interface DrillSurroundings {
  /** From 0 to below 1, the same numbers for the same seed. */
  readonly random: () => number
  /** Whether a sample is enough, as in CI. */
  readonly isShort: boolean
  readonly log: (line: string) => void
  /** The whole stack on a PostgreSQL of its own, shared by the drills of a run and started for the first. */
  readonly stack: () => Promise<FaultStack>
}

/** What a drill found. */
export interface DrillReport {
  /** How often clients got each answer. */
  readonly saw: Readonly<Record<string, number>>
  /** Further figures, with their unit in the name. */
  readonly figures?: Readonly<Record<string, number>>
  /** What was lost or did not hold, one sentence each; nothing is right. */
  readonly lost: readonly string[]
  /** Why it did not take place here. */
  readonly skipped?: string
}

/** A fault that is done to real processes, and what came of it. */
export type Drill = (surroundings: DrillSurroundings) => Promise<DrillReport>
