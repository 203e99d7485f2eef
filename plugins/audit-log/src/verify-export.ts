import type { Checkpoint } from './checkpoint/checkpoint.ts'
import { addLeaf, EMPTY_FRONTIER, frontierRoot, type Frontier } from './checkpoint/merkle-tree.ts'
import { openNote, type CheckpointVerifier } from './checkpoint/signed-note.ts'
import { EXPORT_FORM, exportStatement, type ExportedSeal, type ExportEnd, type ExportStart } from './export-trail.ts'
import { createPrunedPlaces, type PrunedPlaces } from './pruned-places.ts'
import { contentProblem } from './record.ts'
import { chainHash, GENESIS, type AuditHead } from './seal-pending.ts'
import type { ChainProblem } from './verify-chain.ts'

/** What is wrong with an export: what may be wrong with the trail, and what only a file can have. */
export type ExportProblem =
  ChainProblem | 'form-unknown' | 'line-malformed' | 'incomplete' | 'not-signed' | 'checkpoint-missing'

/** Result of {@link verifyExport}. */
export interface ExportReport {
  readonly ok: boolean
  readonly problem?: ExportProblem
  /** Sequence of the first line that is wrong. */
  readonly firstBadSequence?: number
  readonly after: AuditHead
  readonly head: AuditHead
  readonly rows: number
  readonly prunedRows: number
  /** Rows that are there and left out, so that only their hashes were verified. */
  readonly concealedRows: number
  /** Rows that the checkpoint covers; `null` where none was given. */
  readonly checkpointedRows: number | null
}

/** What an export is held to, beside itself. */
export interface ExportExpectations {
  /** One of them has to have signed the end. */
  readonly verifiers?: readonly CheckpointVerifier[]
  /**
   * Has to be of this trail. Then the end need not be signed; where it is, it has to be right. An export of the whole
   * trail is compared with the tree, one of a part with the chain hash.
   */
  readonly checkpoint?: Checkpoint | null
}

interface ExportProgress {
  after: AuditHead
  head: AuditHead
  rows: number
  prunedRows: number
  concealedRows: number
  readonly pruned: PrunedPlaces
  /** Up to the size of the checkpoint, from the first row on. */
  frontier: Frontier
  isCheckpointed: boolean
}

/**
 * Verifies an export without the database: every seal follows from the one before, every row is as it was sealed or is
 * said to be pruned by a later one, and nothing is missing at the end. It says nothing of what is before its beginning;
 * a head or a checkpoint that is kept elsewhere says the rest.
 * @param lines of the file, in order
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  { verifiers = [], checkpoint = null }: ExportExpectations = {}
): Promise<ExportReport> {
  const nowhere = { sequence: 0, chainHash: GENESIS.toString('hex') }
  const progress: ExportProgress = {
    ...{ after: nowhere, head: nowhere, rows: 0, prunedRows: 0, concealedRows: 0 },
    ...{ pruned: createPrunedPlaces(), frontier: EMPTY_FRONTIER, isCheckpointed: false }
  }
  const report = (problem?: ExportProblem, at = progress.head.sequence + 1): ExportReport => {
    const { after, head, rows, prunedRows, concealedRows } = progress
    return {
      ok: problem === undefined,
      ...(problem !== undefined && { problem, firstBadSequence: at }),
      ...{ after, head, rows, prunedRows, concealedRows },
      checkpointedRows: checkpoint === null ? null : Math.max(0, checkpoint.size - after.sequence)
    }
  }
  let state: 'start' | 'rows' | 'end' = 'start'
  for await (const line of lines) {
    if (line === '') continue
    const value = parseExportLine(line)
    if (value === null || state === 'end') return report('line-malformed')
    if (state === 'start') {
      if (!('form' in value)) return report('form-unknown')
      progress.after = progress.head = value.after
      compareCheckpoint(progress, checkpoint)
      state = 'rows'
    } else if ('end' in value) {
      const { end, rows, concealed = 0 } = value
      const isAsRead = end.sequence === progress.head.sequence && end.chainHash === progress.head.chainHash
      const isCounted = rows === progress.rows && concealed === progress.concealedRows
      if (!isAsRead || !isCounted) return report('incomplete')
      const mustBeSigned = verifiers.length > 0 && (checkpoint === null || value.signature !== undefined)
      if (mustBeSigned && !isSigned(value, progress.after, verifiers)) return report('not-signed')
      state = 'end'
    } else {
      const problem = 'form' in value ? 'line-malformed' : checkExported(value, progress)
      if (problem !== null) return report(problem)
      compareCheckpoint(progress, checkpoint)
    }
  }
  if (state !== 'end') return report('incomplete')
  const unstated = progress.pruned.firstUnstated()
  if (unstated !== null) return report('row-missing', unstated)
  if (checkpoint !== null && !progress.isCheckpointed) return report('checkpoint-missing', checkpoint.size)
  return report()
}

/** The tree covers all rows from the first one on; the chain hash also those before the beginning of a part. */
function compareCheckpoint(progress: ExportProgress, checkpoint: Checkpoint | null): void {
  const { after, head, frontier } = progress
  if (checkpoint?.size !== head.sequence) return
  const isOfTree = after.sequence === 0 && frontierRoot(frontier).equals(checkpoint.root)
  const isOfChain = after.sequence > 0 && checkpoint.chainHash?.toString('hex') === head.chainHash
  progress.isCheckpointed = isOfTree || isOfChain
}

function isSigned(last: ExportEnd, after: AuditHead, verifiers: readonly CheckpointVerifier[]): boolean {
  const { signature } = last
  return typeof signature === 'string' && openNote(signature, verifiers) === exportStatement(after, last)
}

function checkExported(seal: ExportedSeal, progress: ExportProgress): ExportProblem | null {
  const sequence = progress.head.sequence + 1
  if (seal.sequence !== sequence) return 'gap'
  const contentHash = Buffer.from(seal.contentHash, 'hex')
  const chain = chainHash(Buffer.from(progress.head.chainHash, 'hex'), sequence, contentHash)
  if (contentHash.length !== 32 || chain.toString('hex') !== seal.chainHash) return 'chain-broken'
  const problem = seal.record === null ? null : contentProblem(seal.record, contentHash)
  if (problem !== null) return problem
  progress.head = { sequence, chainHash: seal.chainHash }
  progress.rows++
  if (seal.concealed === true) progress.concealedRows++
  else if (seal.record === null) progress.prunedRows++
  progress.frontier = addLeaf(progress.frontier, contentHash)
  if (seal.concealed !== true) progress.pruned.add(sequence, seal.record)
  return null
}

function parseExportLine(line: string): ExportStart | ExportedSeal | ExportEnd | null {
  try {
    const value: unknown = JSON.parse(line)
    return isExportLine(value) ? value : null
  } catch {
    return null
  }
}

function isExportLine(value: unknown): value is ExportStart | ExportedSeal | ExportEnd {
  if (typeof value !== 'object' || value === null) return false
  if ('form' in value) return value.form === EXPORT_FORM && 'after' in value && isHead(value.after)
  if ('end' in value) return isHead(value.end) && 'rows' in value && typeof value.rows === 'number'
  const isSeal = 'sequence' in value && 'contentHash' in value && 'chainHash' in value && 'record' in value
  return isSeal && typeof value.contentHash === 'string' && isRecordOrNull(value.record)
}

function isHead(value: unknown): value is AuditHead {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sequence' in value &&
    Number.isSafeInteger(value.sequence) &&
    'chainHash' in value &&
    typeof value.chainHash === 'string'
  )
}

/** What it says is compared with its hash, so only its form matters here. */
function isRecordOrNull(value: unknown): boolean {
  return value === null || (typeof value === 'object' && 'version' in value && typeof value.version === 'number')
}
