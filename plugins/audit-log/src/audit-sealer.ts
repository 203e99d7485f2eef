import { withDeadline, type MonotonicClock, type Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { sealPending, type AuditHead, type SealProgress, type SealResult } from './seal-pending.ts'

/** Collaborators and settings of a sealer. */
export interface SealerOptions {
  readonly db: Knex
  readonly intervalMs: number
  /** Limit of each step of a run, and of the last run at `close`. */
  readonly timeoutMs: number
  readonly schedule: Schedule
  /** Milliseconds of a monotonic clock. */
  readonly monotonicClock: MonotonicClock
  /** Called after each step that sealed rows, with the new head. */
  readonly onSealed: (head: AuditHead, sealed: number) => void
  readonly onError: (error: unknown) => void
}

/** Seals committed audit rows in the background. */
export interface AuditSealer {
  start: () => void
  /**
   * Seals everything that is committed now, waiting for another sealer if necessary. Rejects when the database fails.
   */
  sealNow: () => Promise<SealResult>
  /** How long no step has succeeded or been left to another process, in ms; `null` before `start`. */
  unsuccessfulForMs: () => number | null
  /**
   * Stops the schedule and seals one last time, within the limit of one write; the rest is sealed after the next start.
   */
  close: () => Promise<void>
}

/** For rows that are in no database: there is nothing to seal. */
export const IDLE_SEALER: AuditSealer = Object.freeze({
  start: () => {},
  sealNow: async () => ({ sealed: 0, head: null }),
  unsuccessfulForMs: () => null,
  close: async () => {}
})

/** Makes a sealer; nothing runs before `start`. */
export function createAuditSealer({
  db,
  intervalMs,
  timeoutMs,
  schedule,
  monotonicClock,
  onSealed,
  onError
}: SealerOptions): AuditSealer {
  const progress: SealProgress = { watermark: null }
  const closing = new AbortController()
  let timer: { stop: () => void } | null = null
  let last: Promise<unknown> = Promise.resolve()
  let succeededAt: number | null = null

  async function run(lock: 'wait' | 'skip'): Promise<SealResult> {
    const result = await sealPending(db, progress, {
      lock,
      timeoutMs,
      signal: closing.signal,
      onPage: (head, sealed) => {
        succeededAt = monotonicClock()
        if (sealed > 0) onSealed(head, sealed)
      }
    })
    succeededAt = monotonicClock()
    return result
  }

  /** One run after the other, so that `close` can wait for the one under way; each step of a run ends in time. */
  function enqueue(lock: 'wait' | 'skip'): Promise<SealResult> {
    const next = last.then(
      () => run(lock),
      () => run(lock)
    )
    last = next
    return next
  }

  return {
    start: () => {
      succeededAt = monotonicClock()
      timer = schedule(async () => {
        await enqueue('skip').catch(onError)
      }, intervalMs)
    },
    sealNow: () => enqueue('wait'),
    unsuccessfulForMs: () => (succeededAt === null ? null : monotonicClock() - succeededAt),
    close: async () => {
      timer?.stop()
      await withDeadline(enqueue('skip'), timeoutMs).catch(onError)
      closing.abort()
    }
  }
}
