import type { Store, TidyCounts } from '../store/contract.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How many rows of a kind one statement removes: a lock is never held for long. */
export const TIDY_BATCH = 1000
/** So that a run ends; the next one goes on. */
const MOST_BATCHES = 100

/** How {@link tidy} goes about it. */
export interface TidyOptions {
  /** Default: {@link TIDY_BATCH}. */
  readonly batch?: number
  /** Whether to stop after the batch at hand: a process that ends waits for it. */
  readonly isClosing?: () => boolean
}

/**
 * Removes what cannot matter any more, a batch of each kind at a time. What is removed was refused already: tokens,
 * codes and references that have expired, and sessions that nobody can use. Sessions stay a day longer than they count,
 * so that the user's own list and an operator's questions have answers; a code stays a day, so that its second use is
 * noticed. A status list goes when it takes no new positions and no session or client has had one in it for a day: a
 * revoked token that names it has expired by then. Not earlier: a verifier that had not yet seen the revocation, or
 * that accepts tokens whose status it cannot learn, would take the token for valid.
 * @returns how many rows of each kind were removed; `null` when another instance is at it
 */
export async function tidy(store: Store, nowMs: number, options: TidyOptions = {}): Promise<TidyCounts | null> {
  const { batch = TIDY_BATCH, isClosing = () => false } = options
  const total: Record<string, number> = {}
  for (let batches = 0; batches < MOST_BATCHES; batches++) {
    const removed = await store.transaction(
      async trx =>
        await trx.housekeeping.removeExpired({
          expiredBeforeMs: nowMs,
          requestsBeforeMs: nowMs - HOUR_MS,
          attemptsBeforeMs: nowMs - HOUR_MS,
          endedBeforeMs: nowMs - DAY_MS,
          limit: batch
        })
    )
    if (removed === null) return batches === 0 ? null : total
    for (const [kind, count] of Object.entries(removed)) total[kind] = (total[kind] ?? 0) + count
    if (isClosing() || Object.values(removed).every(count => count < batch)) break
  }
  return total
}
