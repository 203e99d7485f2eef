import { openCheckpoint, type Checkpoint } from './checkpoint.ts'
import type { CheckpointVerifier } from './signed-note.ts'

/** What is wrong with the checkpoints of an anchor. */
export interface AnchorProblem {
  /** From 1. */
  readonly line: number
  readonly problem:
    /** Nobody known signed it. */
    | 'anchor-changed'
    /** The trail became shorter, or another one of the same length, and no checkpoint says that it was restored. */
    | 'anchor-forked'
}

/**
 * Looks at all checkpoints of an anchor, in their order: a trail only grows, unless a checkpoint names those that it
 * takes the place of. Whether they are of one tree is for proofs to show.
 * @returns `null` when nothing is wrong
 */
export function anchorProblem(
  notes: readonly string[],
  verifiers: readonly CheckpointVerifier[]
): AnchorProblem | null {
  let last: Checkpoint | null = null
  for (const [index, note] of notes.entries()) {
    const checkpoint = openCheckpoint(note, verifiers)
    if (checkpoint === null) return { line: index + 1, problem: 'anchor-changed' }
    if (last !== null && !mayFollow(last, checkpoint)) return { line: index + 1, problem: 'anchor-forked' }
    last = checkpoint
  }
  return null
}

/** Whether a checkpoint may come after another one: the trail grew, or was restored with a word about it. */
export function mayFollow(last: Checkpoint, next: Checkpoint): boolean {
  const isReplaced = next.replaces.some(({ size, root }) => size === last.size && root.equals(last.root))
  return isReplaced || next.size > last.size || (next.size === last.size && next.root.equals(last.root))
}
