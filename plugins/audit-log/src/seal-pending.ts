import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { poolAsItIs, withConnection } from './connection.ts'
import { SPAN_ROWS } from './search/span-rows.ts'

/** The end of the chain. A copy outside the database shows that nothing was cut off or rewritten. */
export interface AuditHead {
  /** Number of sealed rows; decimal. */
  readonly sequence: number
  /** Hexadecimal. */
  readonly chainHash: string
}

/** What a run of the sealer did. */
export interface SealResult {
  readonly sealed: number
  /** `null` when another process holds the sealer's lock. */
  readonly head: AuditHead | null
}

/** How far sealing has come; passed from one run to the next, also when a run fails. */
export interface SealProgress {
  /** Rows of transactions below this id are sealed. `null`: the database knows. */
  watermark: bigint | null
}

/** Options of a run. */
export interface SealRun {
  /** `wait` for another sealer, or `skip` when there is one. */
  readonly lock: 'wait' | 'skip'
  /** Limit of each page, which is a transaction of its own; rejects after it. */
  readonly timeoutMs: number
  /** Ends the run after the page under way. */
  readonly signal?: AbortSignal
  /** Called after each page with the new head, and how many rows the page sealed. */
  readonly onPage?: (head: AuditHead, sealed: number) => void
}

/** Chain hash before the first row. */
export const GENESIS = createHash('sha256').update('sallyport audit chain 1').digest()
/** Rows read in one page; those of its last transaction are read in full. */
export const SEAL_PAGE_ROWS = 2000
/** Seals of one statement, which has five parameters for each. */
const SEALS_PER_STATEMENT = 1000
/** More than a page of rows fills: so the spans catch up where a release that made none was still sealing. */
const SPANS_PER_PAGE = 20
const SEALER_LOCK = 'sallyport-audit-sealer'

/** SHA-256(previous chain hash ‖ sequence, 8 bytes big-endian ‖ content hash): all of fixed length. */
export function chainHash(previous: Buffer, sequence: number, contentHash: Buffer): Buffer {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(BigInt(sequence))
  return createHash('sha256').update(previous).update(place).update(contentHash).digest()
}

/**
 * Seals committed rows: gives each the next sequence and its chain hash. One sealer works per database, by an advisory
 * lock that ends with the transaction. So a page that was given up and arrives late is either done before the next one
 * begins, or not at all. A row that commits later goes to the next run.
 *
 * A run reads the rows from the watermark on, page by page in the order of their transactions. The watermark is the
 * oldest transaction that was still open when the run began: every row of an older one is sealed once the run is done.
 * The last seal of each page stores it too, so that a run after a restart starts there and not at the first row.
 */
export async function sealPending(
  db: Knex,
  progress: SealProgress,
  { lock, timeoutMs, signal, onPage }: SealRun
): Promise<SealResult> {
  let sealed = 0
  let place: PageStart = progress.watermark === null ? null : { from: progress.watermark }
  for (;;) {
    const page = await withConnection(db, timeoutMs, connection =>
      db.transaction(trx => sealPage(trx, place, lock, timeoutMs), { connection })
    )
    if (page === null) return { sealed, head: null }
    onPage?.(page.head, page.sealed)
    sealed += page.sealed
    progress.watermark = page.watermark
    if (page.next === null || signal?.aborted === true) return { sealed, head: page.head }
    place = page.next
  }
}

/** Where a page begins; after the first page of a run also what that one found. `null`: the database knows. */
type PageStart = { readonly from: bigint; readonly run?: SealRunStart } | null
/** The oldest transaction that was open when the run began, and whether it reads all rows of any transaction. */
interface SealRunStart {
  readonly oldestOpen: bigint
  readonly all: boolean
}
/** What one page did; `next` is `null` on the last. */
interface SealedPage {
  readonly sealed: number
  readonly head: AuditHead
  readonly watermark: bigint
  readonly next: PageStart
}
interface EventRow {
  readonly id: string
  readonly content_hash: Buffer
  readonly transaction_id: string
  readonly occurred_at: Date
}

async function sealPage(
  trx: Knex.Transaction,
  place: PageStart,
  lock: 'wait' | 'skip',
  timeoutMs: number
): Promise<SealedPage | null> {
  if (!(await takeLock(trx, lock, timeoutMs))) return null
  // Read before the rows: every transaction below it has ended, so what it wrote is visible to the next statement.
  const { oldestOpen, upcoming } = await readSnapshot(trx)
  const from = place?.from ?? (await readWatermark(trx))
  // A watermark in the future comes from another cluster: the tables were copied with its transaction ids.
  const run = place?.run ?? { oldestOpen, all: from === 0n || from > upcoming }
  const rows = await readFullTransactions(
    trx,
    place?.run === undefined && run.all ? 0n : from,
    run.all ? null : upcoming
  )
  const last = rows.at(-1)
  const next =
    rows.length < SEAL_PAGE_ROWS || last === undefined ? null : { from: BigInt(last.transaction_id) + 1n, run }
  const watermark = next !== null && next.from < run.oldestOpen ? next.from : run.oldestOpen
  const { head, sealed } = await sealRows(trx, await withoutSealed(trx, rows), watermark)
  if (head.sequence % SPAN_ROWS < sealed) await trx.raw('select audit_add_spans(?)', [SPANS_PER_PAGE])
  return { sealed, head, watermark, next }
}

async function sealRows(
  trx: Knex.Transaction,
  rows: readonly EventRow[],
  watermark: bigint
): Promise<{ head: AuditHead; sealed: number }> {
  const head = await readHead(trx)
  let { sequence } = head
  let previous: Buffer = Buffer.from(head.chainHash, 'hex')
  const seals = rows.map((row, index) => {
    sequence += 1
    previous = chainHash(previous, sequence, row.content_hash)
    const mark = index === rows.length - 1 ? `${watermark}` : null
    return { sequence, event_id: row.id, content_hash: row.content_hash, chain_hash: previous, watermark: mark }
  })
  for (let start = 0; start < seals.length; start += SEALS_PER_STATEMENT) {
    await trx('audit_seals').insert(seals.slice(start, start + SEALS_PER_STATEMENT))
  }
  return { head: { sequence, chainHash: previous.toString('hex') }, sealed: seals.length }
}

/** The oldest transaction that is open, and the next one to come. */
async function readSnapshot(trx: Knex.Transaction): Promise<{ oldestOpen: bigint; upcoming: bigint }> {
  const {
    rows: [row]
  } = await trx.raw<Rows<{ xmin: string; xmax: string }>>(
    'select pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax from pg_current_snapshot() s'
  )
  return { oldestOpen: BigInt(row?.xmin ?? 0), upcoming: BigInt(row?.xmax ?? 0) }
}

/** The watermark of the last page that sealed something; 0 when the last release that sealed did not store one. */
export async function readWatermark(trx: Knex.Transaction): Promise<bigint> {
  const {
    rows: [row]
  } = await trx.raw<Rows<{ watermark: string }>>(`
    select watermark::text from (select sequence, watermark from audit_seals order by sequence desc limit ${SEAL_PAGE_ROWS}) recent
    where watermark is not null order by sequence desc limit 1`)
  return BigInt(row?.watermark ?? 0)
}

/** Full transactions, so that the next page begins after the last of them. */
export async function readFullTransactions(
  trx: Knex.Transaction,
  from: bigint,
  before: bigint | null
): Promise<EventRow[]> {
  const bindings = { from: `${from}`, ...(before !== null && { before: `${before}` }) }
  const { rows } = await trx.raw<Rows<EventRow>>(
    `
    select id, content_hash, transaction_id::text, occurred_at from (
      select * from audit_events
      where transaction_id >= :from::xid8 ${before === null ? '' : 'and transaction_id < :before::xid8'}
      order by transaction_id fetch first ${SEAL_PAGE_ROWS} rows with ties
    ) page order by page.transaction_id, occurred_at, id`,
    bindings
  )
  return rows
}

export async function withoutSealed(trx: Knex.Transaction, rows: readonly EventRow[]): Promise<EventRow[]> {
  const { rows: found } = await trx.raw<Rows<{ id: string }>>(
    'select event_id as id from audit_seals where event_id = any(?::uuid[])',
    [rows.map(row => row.id)]
  )
  const sealed = new Set(found.map(({ id }) => id))
  return rows.filter(row => !sealed.has(row.id))
}

/** Settings of each page's transaction, with `:ms` for the time limit. */
const SEAL_SETTINGS = Object.entries({
  // The server ends a sealer that stalls while it has the lock, also when its client is unreachable.
  statement_timeout: ':ms',
  idle_in_transaction_session_timeout: ':ms',
  // A page is read in the order of one index and looked up in another. A planner with bad statistics (after a restore,
  // or before the first ANALYZE) may think that reading and sorting the whole table is cheaper.
  enable_seqscan: "'off'",
  enable_bitmapscan: "'off'",
  enable_sort: "'off'"
})
  .map(([name, value]) => `set_config('${name}', ${value}, true)`)
  .join(', ')

/** Sets up the transaction of a page. */
export async function beginSealPage(trx: Knex.Transaction, timeoutMs: number): Promise<void> {
  await trx.raw(`select ${SEAL_SETTINGS}`, { ms: `${timeoutMs}` })
}

/** Sets up the transaction, and takes the lock that one sealer has at a time. */
async function takeLock(trx: Knex.Transaction, lock: 'wait' | 'skip', timeoutMs: number): Promise<boolean> {
  await beginSealPage(trx, timeoutMs)
  if (lock === 'wait') {
    await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [SEALER_LOCK])
    return true
  }
  const {
    rows: [row]
  } = await trx.raw<Rows<{ taken: boolean }>>('select pg_try_advisory_xact_lock(hashtext(?)) as taken', [SEALER_LOCK])
  return row?.taken === true
}

/** The end of the chain: the anchor to keep outside the database. */
export async function readHead(db: Knex): Promise<AuditHead> {
  const last = await poolAsItIs(db)('audit_seals')
    .select('sequence', 'chain_hash')
    .orderBy('sequence', 'desc')
    .first<{ sequence: string; chain_hash: Buffer } | undefined>()
  if (last === undefined) return { sequence: 0, chainHash: GENESIS.toString('hex') }
  return { sequence: Number(last.sequence), chainHash: last.chain_hash.toString('hex') }
}

/** What `knex.raw` resolves to on PostgreSQL. */
export interface Rows<Row> {
  readonly rows: Row[]
}
