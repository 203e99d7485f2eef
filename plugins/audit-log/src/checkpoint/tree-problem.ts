/** What is wrong between the trail and what was signed of it. */
export type TreeProblem =
  /** The stored checkpoint, or its subtree roots, are not what was signed. */
  | 'checkpoint-changed'
  /** An anchor has something that no key of this trail signed. */
  | 'anchor-changed'
  /** The trail ends before an anchored checkpoint: its tail was cut off, or a backup was restored. */
  | 'behind-anchor'
  /** The trail differs from what was signed: rows were changed, inserted or removed, and the chain written anew. */
  | 'forked'

/** The trail contradicts a checkpoint: nothing is signed any more. */
export class TreeProblemError extends Error {
  readonly code = 'SALLYPORT_AUDIT_CHECKPOINT_REFUSED'
  readonly problem: TreeProblem
  readonly sequence: number

  constructor(problem: TreeProblem, sequence: number) {
    super(`the trail contradicts a signed checkpoint: ${problem} at ${sequence}`)
    this.problem = problem
    this.sequence = sequence
  }
}
