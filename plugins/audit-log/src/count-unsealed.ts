import type { Knex } from 'knex'
import { withConnection } from './connection.ts'
import { beginSealPage, readFullTransactions, readWatermark, SEAL_PAGE_ROWS, withoutSealed } from './seal-pending.ts'

/** Committed rows without a seal. */
export interface UnsealedRows {
  /** At most 10 000. */
  readonly rows: number
  /** Age of the oldest one in ms; 0 when there is none. */
  readonly oldestForMs: number
}

/** Pages that one count reads at most: behind more than these nobody needs the exact number. */
const MOST_PAGES = 5

/** From here on a count says only that there are so many. */
const MOST_COUNTED = MOST_PAGES * SEAL_PAGE_ROWS

/**
 * Counts the committed rows that have no seal yet. It reads as the sealer does, from its watermark on and by its
 * indexes, so that it costs little in a large trail; it takes no lock.
 * @param timeoutMs of the whole count, with the wait for a connection
 * @param clock epoch in ms
 */
export async function countUnsealed(db: Knex, timeoutMs: number, clock: () => number): Promise<UnsealedRows> {
  return await withConnection(
    db,
    timeoutMs,
    async connection => await db.transaction(trx => countPages(trx, timeoutMs, clock), { connection })
  )
}

async function countPages(trx: Knex.Transaction, timeoutMs: number, clock: () => number): Promise<UnsealedRows> {
  await beginSealPage(trx, timeoutMs)
  let from = await readWatermark(trx)
  let rows = 0
  let oldestAtMs = Number.POSITIVE_INFINITY
  for (let page = 0; page < MOST_PAGES; page++) {
    const read = await readFullTransactions(trx, from, null)
    const unsealed = await withoutSealed(trx, read)
    rows += unsealed.length
    for (const { occurred_at: at } of unsealed) oldestAtMs = Math.min(oldestAtMs, at.getTime())
    const last = read.at(-1)
    if (last === undefined || read.length < SEAL_PAGE_ROWS) break
    from = BigInt(last.transaction_id) + 1n
  }
  // A page ends with its last transaction; the clock of another process may be ahead of ours.
  return { rows: Math.min(rows, MOST_COUNTED), oldestForMs: rows === 0 ? 0 : Math.max(0, clock() - oldestAtMs) }
}
