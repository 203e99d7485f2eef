import type { Knex } from 'knex'
import type { Checkpoint } from './checkpoint/checkpoint.ts'
import { addLeaf, EMPTY_FRONTIER, frontierRoot, type Frontier } from './checkpoint/merkle-tree.ts'
import { createPrunedPlaces, type PrunedPlaces } from './pruned-places.ts'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import { openNote, signNote, type CheckpointSigner, type CheckpointVerifier } from './checkpoint/signed-note.ts'
import { chainHash, GENESIS, type AuditHead, type Rows } from './seal-pending.ts'
import type { ChainProblem } from './verify-chain.ts'

/** Form of an export: its first line names it. */
export const EXPORT_FORM = 'sallyport-audit-export 1'

/** The first line: where the export begins. */
export interface ExportStart {
  readonly form: typeof EXPORT_FORM
  /** The head before the first row. */
  readonly after: AuditHead
}

/** A line for each seal; `record` is `null` where the row was pruned. */
export interface ExportedSeal {
  readonly sequence: number
  /** Hexadecimal, like the other hashes. */
  readonly contentHash: string
  readonly chainHash: string
  readonly record: AuditRecord | null
}

/** The last line: an export without it is not complete. */
export interface ExportEnd {
  readonly end: AuditHead
  readonly rows: number
  /** A note over both heads and the number of rows, by the keys of the trail; left out where nobody signs. */
  readonly signature?: string
}

/** What to export. */
export interface ExportOptions {
  /** Continue after this sequence: 0 for the whole trail. */
  readonly after?: number
  /** Ends with this sequence; left out: with the last seal. */
  readonly through?: number
  /** Rows read at a time. Default 1000. */
  readonly batchSize?: number
  /** Sign the last line, and with it everything before: each head covers all rows up to it. */
  readonly signers?: readonly CheckpointSigner[]
}

/** What the signature of an export is over. */
function exportStatement(after: AuditHead, end: AuditHead, rows: number): string {
  const heads = [after, end].map(({ sequence, chainHash: chain }) => `${sequence} ${chain}\n`)
  return `${EXPORT_FORM}\n${heads.join('')}${rows}\n`
}

type ExportRow = { readonly sequence: string; readonly seal_hash: Buffer; readonly chain_hash: Buffer } & {
  readonly [Name in keyof AuditRecord]: AuditRecord[Name] | null
}

/**
 * The trail as lines of JSON, with the seals of rows that are pruned, so that it can be verified without the database.
 * An export that was cut off goes on with another one after its last complete line.
 * @param db any role that may select
 */
export async function* exportTrail(
  db: Knex,
  { after = 0, through, batchSize = 1000, signers = [] }: ExportOptions = {}
): AsyncGenerator<ExportStart | ExportedSeal | ExportEnd> {
  const start = await headAt(db, after)
  if (start === null) throw new Error(`there is no seal ${after}`)
  yield { form: EXPORT_FORM, after: start }
  let [end, rows] = [start, 0]
  for (;;) {
    const page = await readSeals(db, end.sequence, through ?? Number.MAX_SAFE_INTEGER, batchSize)
    for (const seal of page) yield seal
    const last = page.at(-1)
    rows += page.length
    if (last !== undefined) end = { sequence: last.sequence, chainHash: last.chainHash }
    if (page.length < batchSize) break
  }
  yield {
    end,
    rows,
    ...(signers.length > 0 && { signature: signNote(exportStatement(start, end, rows), signers) })
  }
}

async function headAt(db: Knex, sequence: number): Promise<AuditHead | null> {
  if (sequence === 0) return { sequence, chainHash: GENESIS.toString('hex') }
  const seal = await db('audit_seals').where({ sequence }).first<{ chain_hash: Buffer } | undefined>('chain_hash')
  return seal === undefined ? null : { sequence, chainHash: seal.chain_hash.toString('hex') }
}

async function readSeals(db: Knex, after: number, through: number, limit: number): Promise<ExportedSeal[]> {
  const { rows } = await db.raw<Rows<ExportRow>>(
    `
    select s.sequence, s.content_hash as seal_hash, s.chain_hash, ${SELECT_RECORD}
    from audit_seals s left join audit_events e on e.id = s.event_id
    where s.sequence > ? and s.sequence <= ? order by s.sequence limit ?`,
    [after, through, limit]
  )
  return rows.map(({ sequence, seal_hash: contentHash, chain_hash: chain, ...record }) => ({
    sequence: Number(sequence),
    contentHash: contentHash.toString('hex'),
    chainHash: chain.toString('hex'),
    // Without its row the seal has none of the columns.
    record: record.id === null ? null : (record as AuditRecord)
  }))
}

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
    ...{ after: nowhere, head: nowhere, rows: 0, prunedRows: 0 },
    ...{ pruned: createPrunedPlaces(), frontier: EMPTY_FRONTIER, isCheckpointed: false }
  }
  const report = (problem?: ExportProblem, at = progress.head.sequence + 1): ExportReport => {
    const { after, head, rows, prunedRows } = progress
    return {
      ok: problem === undefined,
      ...(problem !== undefined && { problem, firstBadSequence: at }),
      ...{ after, head, rows, prunedRows },
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
      const { end, rows } = value
      const isAsRead = end.sequence === progress.head.sequence && end.chainHash === progress.head.chainHash
      if (!isAsRead || rows !== progress.rows) return report('incomplete')
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

function isSigned(
  { end, rows, signature }: ExportEnd,
  after: AuditHead,
  verifiers: readonly CheckpointVerifier[]
): boolean {
  return typeof signature === 'string' && openNote(signature, verifiers) === exportStatement(after, end, rows)
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
  if (seal.record === null) progress.prunedRows++
  progress.frontier = addLeaf(progress.frontier, contentHash)
  progress.pruned.add(sequence, seal.record)
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
