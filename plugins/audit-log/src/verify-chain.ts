import type { Knex } from 'knex'
import { poolAsItIs } from './connection.ts'
import { contentProblem, SELECT_RECORD, type AuditRecord } from './record.ts'
import { rangeDigest, type PrunedRange } from './pruning-mark.ts'
import { SPAN_ROWS } from './search/span-rows.ts'
import { chainHash, GENESIS, type AuditHead, type Rows } from './seal-pending.ts'
import { readPrunings, type Prunings } from './verify-prunings.ts'
import { statementProblem } from './verify-statements.ts'
import { checkUnsealed } from './verify-unsealed.ts'

/** What is wrong with the trail, at the first place where something is wrong. */
export type ChainProblem =
  /** A sequence is missing, so a seal was deleted. */
  | 'gap'
  /** The sealed row is gone, and no valid pruning mark says so. */
  | 'row-missing'
  /**
   * A mark states rows that still exist or never did, or differs from what the row of the trail says of the pruning.
   */
  | 'pruning-mark-wrong'
  /** The row does not have the content that was sealed. */
  | 'content-changed'
  /** The row has a version that this code does not know: verify with the release that wrote it. */
  | 'version-unknown'
  /** The seal does not follow from the one before: inserted, reordered or rewritten. */
  | 'chain-broken'
  /** The row occurred at no time of its span, so a search by time may miss it: somebody changed the span. */
  | 'span-wrong'
  /** The expected head is not in the chain: its tail was cut off or the chain was rewritten. */
  | 'head-missing'
  /** A row that is not sealed yet has changed. */
  | 'unsealed-row-changed'
  /** No run of the sealer will find a row, so it is in no chain: somebody has changed its transaction. */
  | 'row-never-sealed'
  /** A legal hold or its release is not what a row of the trail says, or one of the two is missing. */
  | 'hold-wrong'
  /** An erasure is not what a row of the trail says, or one of the two is missing. */
  | 'erasure-wrong'
  /** The database lacks a table or a column of the trail, or lets nobody read it. */
  | 'tables-changed'

/** Result of {@link verifyChain}. */
export interface ChainReport {
  readonly ok: boolean
  readonly problem?: ChainProblem
  /** Sequence of the first seal that is wrong. */
  readonly firstBadSequence?: number
  readonly sealedRows: number
  readonly unsealedRows: number
  /** Rows up to this sequence were pruned, except those about pruning; 0 when none were. */
  readonly prunedThrough: number
  /**
   * Of these, rows up to this sequence were pruned by earlier releases, whose marks say how many rows they removed and
   * not which; 0 when none were.
   */
  readonly unstatedThrough: number
  readonly head: AuditHead
}

/** What the caller knows from another source. */
export interface VerifyOptions {
  /**
   * A head kept outside this database: without it a cut tail, or a chain that was rewritten from some row on, looks
   * like an honest one.
   */
  readonly expectedHead?: AuditHead
  /** Rows read at a time. Default 1000. */
  readonly batchSize?: number
  /** Called after each of these, with the last sequence that is verified. */
  readonly onProgress?: (sequence: number) => void
}

/** Where somebody has taken a constraint away, a hash may be missing. */
interface SealRow {
  readonly sequence: string
  readonly seal_hash: Buffer | null
  readonly chain_hash: Buffer | null
  readonly content_hash: Buffer | null
  readonly outside_span: boolean | null
}
type ChainRow = SealRow & { readonly [Field in keyof AuditRecord]: AuditRecord[Field] | null }
/** How far a chain is verified. */
export interface ChainProgress {
  sequence: number
  previous: Buffer
  readonly expected: AuditHead | undefined
  readonly prunings: Prunings
  /** Ranges before this one are done. */
  range: number
  /** Chain hash before the first row of the range under way. */
  beforeRange: Buffer
  /** Called with the content hash of each seal that is right, in order. */
  readonly onLeaf?: (content: Buffer) => void
}

/** What one page of seals was found to be. */
interface VerifiedPage {
  readonly problem: ChainProblem | null
  readonly rows: number
}

/**
 * Reads the whole trail in one snapshot and verifies it: sequences without gaps, every row as it was sealed, every seal
 * following from the one before, and the expected head among them.
 * @param db any role that may select
 */
export async function verifyChain(
  db: Knex,
  { expectedHead, batchSize = 1000, onProgress }: VerifyOptions = {}
): Promise<ChainReport> {
  return poolAsItIs(db).transaction(
    async trx => {
      const prunings = await readPrunings(trx)
      const progress: ChainProgress = {
        sequence: 0,
        previous: GENESIS,
        expected: expectedHead,
        prunings,
        range: 0,
        beforeRange: GENESIS
      }
      const problem = await checkSeals(trx, progress, batchSize, onProgress)
      const unsealed = await checkUnsealed(trx, batchSize)
      const [sealed] = await trx('audit_seals').count<{ count: string }[]>('* as count')
      const report = {
        sealedRows: Number(sealed?.count ?? 0),
        unsealedRows: unsealed.rows,
        prunedThrough: prunings.ranges.at(-1)?.last ?? prunings.unstatedThrough,
        unstatedThrough: prunings.unstatedThrough,
        head: { sequence: progress.sequence, chainHash: progress.previous.toString('hex') }
      }
      if (problem !== null) return { ok: false, problem, firstBadSequence: progress.sequence + 1, ...report }
      if (prunings.firstWrong !== null) {
        return { ok: false, problem: 'pruning-mark-wrong', firstBadSequence: prunings.firstWrong, ...report }
      }
      if (unsealed.problem !== null) return { ok: false, problem: unsealed.problem, ...report }
      const wrong = await statementProblem(trx, prunings)
      if (wrong === null) return { ok: true, ...report }
      const place = wrong.sequence === null ? {} : { firstBadSequence: wrong.sequence }
      return { ok: false, problem: wrong.problem, ...place, ...report }
    },
    { isolationLevel: 'repeatable read', readOnly: true }
  )
}

/** Advances `progress` past every correct seal. */
async function checkSeals(
  trx: Knex.Transaction,
  progress: ChainProgress,
  batchSize: number,
  onProgress?: (sequence: number) => void
): Promise<ChainProblem | null> {
  for (;;) {
    const { problem, rows } = await verifyPage(trx, progress, batchSize)
    if (problem !== null) return problem
    onProgress?.(progress.sequence)
    if (rows < batchSize) break
  }
  const { expected } = progress
  if (expected !== undefined && expected.sequence > progress.sequence) return 'head-missing'
  return progress.range < progress.prunings.ranges.length ? 'pruning-mark-wrong' : null
}

const OUTSIDE_SPAN = `(p.number is not null and (p.earliest is null or p.latest is null
  or e.occurred_at < p.earliest or e.occurred_at > p.latest)) as outside_span`

/** Verifies the seals behind `progress`, and advances it past every correct one. */
export async function verifyPage(
  trx: Knex.Transaction,
  progress: ChainProgress,
  batchSize: number
): Promise<VerifiedPage> {
  const { rows } = await trx.raw<Rows<ChainRow>>(
    `
    select s.sequence, s.content_hash as seal_hash, s.chain_hash, e.content_hash, ${OUTSIDE_SPAN}, ${SELECT_RECORD}
    from audit_seals s left join audit_events e on e.id = s.event_id
    left join audit_spans p on p.number = (s.sequence - 1) / ${SPAN_ROWS}
    where s.sequence > ? order by s.sequence limit ?`,
    [progress.sequence, batchSize]
  )
  for (const row of rows) {
    const problem = checkSeal(row, progress)
    if (problem !== null) return { problem, rows: rows.length }
  }
  return { problem: null, rows: rows.length }
}

function checkSeal(row: ChainRow, progress: ChainProgress): ChainProblem | null {
  const sequence = progress.sequence + 1
  if (Number(row.sequence) !== sequence) return 'gap'
  const { seal_hash: sealHash } = row
  if (sealHash === null || row.chain_hash === null) return 'chain-broken'
  const chain = chainHash(progress.previous, sequence, sealHash)
  if (!chain.equals(row.chain_hash)) return 'chain-broken'
  const problem = checkPlace({ ...row, seal_hash: sealHash }, { sequence, chain }, progress)
  if (problem !== null) return problem
  if (progress.expected?.sequence === sequence && progress.expected.chainHash !== chain.toString('hex')) {
    return 'head-missing'
  }
  progress.sequence = sequence
  progress.previous = chain
  progress.onLeaf?.(sealHash)
  return null
}

/** A row is as it was sealed, or absent because it was pruned. */
function checkPlace(
  row: ChainRow & { readonly seal_hash: Buffer },
  { sequence, chain }: { readonly sequence: number; readonly chain: Buffer },
  progress: ChainProgress
): ChainProblem | null {
  const range = progress.prunings.ranges[progress.range]
  const pruned = sequence <= progress.prunings.unstatedThrough || (range !== undefined && sequence >= range.first)
  if (row.id === null) return pruned ? checkRange(range, sequence, chain, progress) : 'row-missing'
  if (pruned) return 'pruning-mark-wrong'
  if (row.content_hash?.equals(row.seal_hash) !== true) return 'content-changed'
  return contentProblem(recordAlone(row), row.seal_hash) ?? (row.outside_span === true ? 'span-wrong' : null)
}

/** At the end of a range its digest is compared with what the chain has there. */
function checkRange(
  range: PrunedRange | undefined,
  sequence: number,
  chain: Buffer,
  progress: ChainProgress
): ChainProblem | null {
  if (range === undefined || sequence < range.first) return null
  if (sequence === range.first) progress.beforeRange = progress.previous
  if (sequence < range.last) return null
  progress.range++
  return rangeDigest(range.first, range.last, progress.beforeRange, chain) === range.digest
    ? null
    : 'pruning-mark-wrong'
}

/** The record without the columns of its seal. */
function recordAlone(row: ChainRow): AuditRecord {
  const { sequence, seal_hash: sealHash, chain_hash: chain, content_hash: content, outside_span: span, ...record } = row
  return record as AuditRecord
}
