import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { GENESIS } from '../seal-pending.ts'
import { verifyPage, type ChainProblem, type ChainProgress } from '../verify-chain.ts'
import { readPrunings, type Prunings } from '../verify-prunings.ts'
import { statementProblem } from '../verify-statements.ts'
import { UNSEALED_START, walkUnsealed, type UnsealedPlace } from '../verify-unsealed.ts'
import { addLeaf, EMPTY_FRONTIER, frontierRoot, type Frontier } from './merkle-tree.ts'
import { createSignedSources, type SignedSourcesOptions, type SignedTrees } from './signed-trees.ts'
import type { TreeProblem } from './tree-problem.ts'
import { readVerified, writeVerified } from './verified-place.ts'

/** Collaborators and settings of {@link createTrailVerifier}. */
export interface TrailVerifierOptions extends SignedSourcesOptions {
  /** Rows of one step: with the interval of the steps, how much the verifier may cost. */
  readonly rowsPerStep: number
  /** File that remembers how far a pass is, so that the next process goes on there; left out: it begins anew. */
  readonly placeFile?: string | undefined
  /** Called when a pass ends, at the end of the trail or at a problem. */
  readonly onPass: (pass: VerifiedPass) => void
  readonly onError: (error: unknown) => void
}

/** The end of one pass over the trail. */
export interface VerifiedPass {
  readonly problem: ChainProblem | TreeProblem | null
  /** The last sequence that is right. */
  readonly sequence: number
  /** Id of the row that is wrong, where it has no sequence. */
  readonly row?: string
}

/** What is known of the trail by now. */
export interface VerifierState {
  /** The last sequence that the pass under way has verified. */
  readonly sequence: number
  /** Passes that reached the end of the trail without a problem. */
  readonly passes: number
  /** Of the last pass, which stays until a whole pass is right again. */
  readonly problem: VerifiedPass['problem']
  /** How long ago a pass was right, in ms; since the start when none was. */
  readonly rightForMs: number
  /** Names of the anchors that do not answer: the trail is not compared with what they have. */
  readonly anchorsAway: readonly string[]
}

/** Verifies the trail again and again, step by step. */
export interface TrailVerifier {
  /** One step. Resolves also when the database is away: the step is repeated. */
  readonly step: () => Promise<void>
  readonly state: () => VerifierState
}

interface Pass {
  sequence: number
  previous: Buffer
  frontier: Frontier
  unsealed: UnsealedPlace
}

/**
 * Makes the verifier. A pass goes from the first seal to the last, some rows a step, each in a snapshot of its own:
 * chain, rows, prunings, rows that no run of the sealer finds, and the root of every checkpoint that is stored or
 * anchored, in the order of their sizes. At its end holds and erasures are compared with the rows that say them.
 */
export function createTrailVerifier(options: TrailVerifierOptions): TrailVerifier {
  const { db, keys, rowsPerStep, placeFile, monotonicClock, onPass, onError } = options
  let pass: Pass | null = null
  const sources = createSignedSources(options)
  let [passes, problem]: [number, VerifiedPass['problem']] = [0, null]
  let rightAt = monotonicClock()

  async function runStep(): Promise<void> {
    const left = pass === null && placeFile !== undefined ? readVerified(placeFile, keys.verifiers) : null
    pass ??= left ?? newPass()
    const current = pass
    const signed = await sources.read(current.frontier.size)
    if (signed === null) return endPass(current, 'anchor-changed')
    const { problem: found, isEnd, row } = await verifyStep(db, current, signed, rowsPerStep)
    if (found === 'head-missing' && left !== null) {
      // The place of another trail, or of one that was restored since: all of it is verified anew.
      pass = newPass()
      return
    }
    if (found !== null) return endPass(current, found, row)
    if (!isEnd) {
      if (placeFile !== undefined) writeVerified(placeFile, current, keys.signers)
      return
    }
    endPass(current, problemBehind(signed, current.sequence))
  }

  /** What the database refuses to show is no failure of it: somebody has changed the tables. */
  async function stepOrProblem(): Promise<void> {
    await runStep().catch((error: unknown) => {
      if (errorCode(error)?.startsWith('42') !== true) throw error
      onError(error)
      endPass(pass ?? newPass(), 'tables-changed')
    })
  }

  function endPass({ sequence, unsealed }: Pass, found: VerifiedPass['problem'], row: string | null = null): void {
    problem = found
    pass = newPass(unsealed.watermark)
    if (placeFile !== undefined) writeVerified(placeFile, pass, keys.signers)
    if (found === null) {
      passes++
      rightAt = monotonicClock()
    }
    onPass({ problem: found, sequence, ...(row !== null && { row }) })
  }

  return {
    step: async () => {
      await stepOrProblem().catch(onError)
    },
    state: () => ({
      sequence: pass?.sequence ?? 0,
      passes,
      problem,
      rightForMs: monotonicClock() - rightAt,
      anchorsAway: sources.away()
    })
  }
}

function newPass(watermark = 0n): Pass {
  return { sequence: 0, previous: GENESIS, frontier: EMPTY_FRONTIER, unsealed: { ...UNSEALED_START, watermark } }
}

/** What is wrong with checkpoints beyond the end of the trail: each was of something that is not there any more. */
function problemBehind({ anchored, bySize }: SignedTrees, sequence: number): TreeProblem | null {
  if (anchored.some(({ size }) => size > sequence)) return 'behind-anchor'
  const beyond = [...bySize].filter(([size]) => size > sequence).flatMap(([, roots]) => roots)
  if (beyond.length === 0) return null
  return beyond.some(root => root.length > 0) ? 'behind-anchor' : 'checkpoint-changed'
}

interface VerifiedStep {
  readonly problem: ChainProblem | TreeProblem | null
  readonly isEnd: boolean
  readonly row?: string | null
}

async function verifyStep(db: Knex, pass: Pass, { bySize }: SignedTrees, rowsPerStep: number): Promise<VerifiedStep> {
  return await db.transaction(
    async trx => {
      let wrongSize: number | null = null
      const { frontier: before } = pass
      if (!(await reachesPlace(trx, pass))) return { problem: 'head-missing', isEnd: false }
      const progress = await chainProgress(trx, pass, content => {
        pass.frontier = addLeaf(pass.frontier, content)
        const root = bySize.get(pass.frontier.size) === undefined ? null : frontierRoot(pass.frontier)
        if (root !== null && bySize.get(pass.frontier.size)?.some(each => !each.equals(root)) === true) {
          wrongSize ??= pass.frontier.size
        }
      })
      const { problem, rows } = await verifyPage(trx, progress, rowsPerStep).catch((error: unknown) => {
        pass.frontier = before
        throw error
      })
      pass.sequence = progress.sequence
      pass.previous = progress.previous
      const found = problem ?? (wrongSize === null ? null : 'forked')
      const isEnd = rows < rowsPerStep
      const missesRows = isEnd && found === null && progress.range < progress.prunings.ranges.length
      const marksWrong = missesRows || progress.prunings.firstWrong !== null
      if (found !== null || marksWrong) return { problem: found ?? 'pruning-mark-wrong', isEnd }
      return await verifyBeside(trx, pass, { prunings: progress.prunings, isEnd, rowsPerStep })
    },
    { isolationLevel: 'repeatable read', readOnly: true }
  )
}

/** What a walk along the chain does not meet. */
async function verifyBeside(
  trx: Knex.Transaction,
  pass: Pass,
  {
    prunings,
    isEnd,
    rowsPerStep
  }: { readonly prunings: Prunings; readonly isEnd: boolean; readonly rowsPerStep: number }
): Promise<VerifiedStep> {
  const walked = await walkUnsealed(trx, pass.unsealed, rowsPerStep)
  pass.unsealed = walked.place
  if (walked.row !== null) return { problem: 'row-never-sealed', isEnd, row: walked.row }
  if (!isEnd || !walked.isEnd) return { problem: null, isEnd: false }
  return { problem: (await statementProblem(trx, prunings))?.problem ?? null, isEnd: true }
}

/** Whether the trail still has what the steps before this one have verified. */
async function reachesPlace(trx: Knex.Transaction, { sequence, previous }: Pass): Promise<boolean> {
  return sequence === 0 || (await chainHashBefore(trx, sequence)).equals(previous)
}

/** Where the chain stands in this snapshot: rows may have been pruned since the step before. */
async function chainProgress(
  trx: Knex.Transaction,
  { sequence, previous }: Pass,
  onLeaf: (content: Buffer) => void
): Promise<ChainProgress> {
  const prunings = await readPrunings(trx)
  const done = prunings.ranges.findIndex(({ last }) => last > sequence)
  const range = done < 0 ? prunings.ranges.length : done
  const first = prunings.ranges[range]?.first ?? 0
  const before = first > 1 && first <= sequence ? await chainHashBefore(trx, first - 1) : GENESIS
  return { sequence, previous, expected: undefined, prunings, range, beforeRange: before, onLeaf }
}

/** The digest of the range shows when it is another one. */
async function chainHashBefore(trx: Knex.Transaction, sequence: number): Promise<Buffer> {
  const seal = await trx('audit_seals').where({ sequence }).first<{ chain_hash: Buffer } | undefined>('chain_hash')
  return seal?.chain_hash ?? GENESIS
}
