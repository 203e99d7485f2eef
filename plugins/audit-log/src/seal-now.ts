import type { Knex } from 'knex'
import { sealPending, type SealResult } from './seal.ts'

/**
 * Seals everything that is committed in this database now, waiting for another sealer if need be: for tests, and for a
 * job of its own where no service seals (`sealer: false`).
 * @param db pool of the app role
 */
export async function sealNow (db: Knex): Promise<SealResult> {
  return sealPending(db, null, 'wait')
}
