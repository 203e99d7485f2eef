import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/** Where the chain ends. Kept outside the database it shows that nothing was cut off or written anew. */
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
  /** Rows of transactions from here on may be unsealed still; pass it to the next run. */
  readonly watermark: string | null
}

/** Chain hash before the first row. */
export const GENESIS = createHash('sha256').update('sallyport audit chain 1').digest()
const BATCH = 1000
const LOCK = 'sallyport-audit-sealer'

/** SHA-256(previous chain hash ‖ sequence, 8 bytes big-endian ‖ content hash): all of fixed length. */
export function chainHash (previous: Buffer, sequence: number, contentHash: Buffer): Buffer {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(BigInt(sequence))
  return createHash('sha256').update(previous).update(place).update(contentHash).digest()
}

/**
 * Seals what is committed and not sealed yet: gives each row the next sequence and its chain hash. One sealer at a
 * time per database, by an advisory lock that ends with the transaction. A row that commits later goes to the next run.
 * @param since watermark of the run before, `null` for a search of the whole table
 * @param lock `wait` for another sealer, or `skip` when there is one
 */
export async function sealPending (db: Knex, since: string | null, lock: 'wait' | 'skip'): Promise<SealResult> {
  let sealed = 0
  let watermark = since
  for (;;) {
    const batch = await db.transaction(trx => sealBatch(trx, watermark, lock))
    if (batch === null) return { sealed, head: null, watermark }
    sealed += batch.sealed
    watermark = batch.watermark
    if (batch.sealed < BATCH) return { sealed, head: batch.head, watermark }
  }
}

async function sealBatch (trx: Knex.Transaction, watermark: string | null, lock: 'wait' | 'skip'): Promise<{ sealed: number, head: AuditHead, watermark: string } | null> {
  if (!await takeLock(trx, lock)) return null
  // Read before the rows: every transaction below it has ended, so what it wrote is visible to the next statement.
  const { rows: [snapshot] } = await trx.raw<Rows<{ xmin: string }>>('select pg_snapshot_xmin(pg_current_snapshot())::text as xmin')
  const head = await readHead(trx)
  const { rows } = await trx.raw<Rows<{ id: string, content_hash: Buffer, transaction_id: string }>>(`
    select e.id, e.content_hash, e.transaction_id::text from audit_events e
    where ${watermark === null ? '' : 'e.transaction_id >= :watermark::xid8 and'} not exists (select from audit_seals s where s.event_id = e.id)
    order by e.transaction_id, e.occurred_at, e.id limit ${BATCH}`, watermark === null ? {} : { watermark })
  let { sequence } = head
  let previous: Buffer = Buffer.from(head.chainHash, 'hex')
  const seals = rows.map(row => {
    sequence += 1
    previous = chainHash(previous, sequence, row.content_hash)
    return { sequence, event_id: row.id, content_hash: row.content_hash, chain_hash: previous }
  })
  if (seals.length > 0) await trx('audit_seals').insert(seals)
  return { sealed: seals.length, head: { sequence, chainHash: previous.toString('hex') }, watermark: lower(snapshot?.xmin ?? '0', rows.length < BATCH ? undefined : rows.at(-1)?.transaction_id) }
}

/** After a full batch the search goes on at its last transaction, whose rows may not all have fitted. */
function lower (xmin: string, last: string | undefined): string {
  return last !== undefined && BigInt(last) < BigInt(xmin) ? last : xmin
}

async function takeLock (trx: Knex.Transaction, lock: 'wait' | 'skip'): Promise<boolean> {
  if (lock === 'wait') {
    await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [LOCK])
    return true
  }
  const { rows: [row] } = await trx.raw<Rows<{ taken: boolean }>>('select pg_try_advisory_xact_lock(hashtext(?)) as taken', [LOCK])
  return row?.taken === true
}

/** The end of the chain: the anchor to keep outside the database. */
export async function readHead (db: Knex): Promise<AuditHead> {
  const last = await db('audit_seals').select('sequence', 'chain_hash').orderBy('sequence', 'desc').first<{ sequence: string, chain_hash: Buffer } | undefined>()
  return last === undefined ? { sequence: 0, chainHash: GENESIS.toString('hex') } : { sequence: Number(last.sequence), chainHash: last.chain_hash.toString('hex') }
}

/** What `knex.raw` resolves to on PostgreSQL. */
export interface Rows<Row> { readonly rows: Row[] }
