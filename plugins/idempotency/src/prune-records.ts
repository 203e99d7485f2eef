import type { Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import { deleteExpired } from './record-store.ts'

/** Records of one statement: it locks little, and not for long. */
const RECORDS_PER_STATEMENT = 1000

/**
 * Deletes all expired records, batch by batch: with them goes what the stored answers say about people.
 * @param db pool of the app role
 * @returns how many were deleted
 */
export async function pruneIdempotency(db: Knex): Promise<number> {
  let removed = 0
  for (;;) {
    const deleted = await deleteExpired(db, RECORDS_PER_STATEMENT)
    removed += deleted
    if (deleted < RECORDS_PER_STATEMENT) return removed
  }
}

/** Deletes expired records again and again, from `ready` to the end of the app. */
export function pruneWithApp(
  fastify: FastifyInstance,
  db: Knex,
  { intervalMs, schedule }: { readonly intervalMs: number; readonly schedule: Schedule }
): void {
  let running: Promise<void> = Promise.resolve()
  let stop = (): void => {}

  async function prune(): Promise<void> {
    try {
      await pruneIdempotency(db)
    } catch (err) {
      fastify.log.warn({ err }, 'expired idempotency records stay for a later run')
    }
  }

  fastify.addHook('onReady', function startPruning(next) {
    stop = schedule(() => {
      running = prune()
      return running
    }, intervalMs).stop
    next()
  })
  fastify.addHook('onClose', async function stopPruning() {
    stop()
    await running
  })
}
