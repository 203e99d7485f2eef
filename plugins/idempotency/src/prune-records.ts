import type { Knex } from 'knex'
import { deleteExpired } from './record-store.ts'

/** Records of one statement: it locks little, and not for long. */
const BATCH = 1000

/**
 * Deletes all expired records, batch by batch: with them goes what the stored answers say about people.
 * @param db pool of the app role
 * @returns how many were deleted
 */
export async function pruneIdempotency(db: Knex): Promise<number> {
  let removed = 0
  for (;;) {
    const deleted = await deleteExpired(db, BATCH)
    removed += deleted
    if (deleted < BATCH) return removed
  }
}
