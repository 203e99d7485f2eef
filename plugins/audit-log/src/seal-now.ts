import type { Knex } from 'knex'
import { poolAsItIs } from './connection.ts'
import { sealPending, type SealResult } from './seal-pending.ts'

/**
 * Seals everything that is committed in this database now, waiting for another sealer if necessary: for tests, and for
 * a separate job where no service seals (`sealer: false`).
 * @param db pool of the app role
 * @param timeoutMs limit of each step of some thousand rows
 */
export async function sealNow(
  db: Knex,
  { timeoutMs = 5000 }: { readonly timeoutMs?: number } = {}
): Promise<SealResult> {
  return sealPending(poolAsItIs(db), { watermark: null }, { lock: 'wait', timeoutMs })
}
