import { withDeadline, type Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { sealPending, type AuditHead, type SealResult } from './seal.ts'

/** Collaborators and settings of a sealer. */
export interface SealerOptions {
  readonly db: Knex
  readonly intervalMs: number
  readonly closeTimeoutMs: number
  readonly schedule: Schedule
  /** Called after rows were sealed, with the new head. */
  readonly onSealed: (head: AuditHead, sealed: number) => void
  readonly onError: (error: unknown) => void
}

/** Seals committed audit rows in the background. */
export interface Sealer {
  start: () => void
  /** Seals everything that is committed now, waiting for another sealer if need be. Rejects when the database does. */
  sealNow: () => Promise<SealResult>
  /** Stops the schedule and seals a last time, for as long as one write may take; what is left is sealed after the next start. */
  close: () => Promise<void>
}

/** Makes a sealer; nothing runs before `start`. */
export function createSealer ({ db, intervalMs, closeTimeoutMs, schedule, onSealed, onError }: SealerOptions): Sealer {
  let watermark: string | null = null
  let timer: { stop: () => void } | null = null
  let last: Promise<unknown> = Promise.resolve()

  async function run (lock: 'wait' | 'skip'): Promise<SealResult> {
    const result = await sealPending(db, watermark, lock)
    watermark = result.watermark
    if (result.sealed > 0 && result.head !== null) onSealed(result.head, result.sealed)
    return result
  }

  /** One run after the other, so that `close` can wait for the one under way. */
  function enqueue (lock: 'wait' | 'skip'): Promise<SealResult> {
    const next = last.then(() => run(lock), () => run(lock))
    last = next
    return next
  }

  return {
    start: () => {
      timer = schedule(async () => { await enqueue('skip').catch(onError) }, intervalMs)
    },
    sealNow: () => enqueue('wait'),
    close: async () => {
      timer?.stop()
      await withDeadline(enqueue('skip'), closeTimeoutMs).catch(onError)
    }
  }
}
