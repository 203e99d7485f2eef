import { withDeadline, type MonotonicClock, type Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { sealPending, type AuditHead, type SealProgress, type SealResult } from './seal.ts'

/** Collaborators and settings of a sealer. */
export interface SealerOptions {
  readonly db: Knex
  readonly intervalMs: number
  /** Limit of each step of a run, and of the last run at `close`. */
  readonly timeoutMs: number
  readonly schedule: Schedule
  /** Milliseconds of a clock that is never set. */
  readonly monotonicClock: MonotonicClock
  /** Called after each step that sealed rows, with the new head. */
  readonly onSealed: (head: AuditHead, sealed: number) => void
  readonly onError: (error: unknown) => void
}

/** Seals committed audit rows in the background. */
export interface Sealer {
  start: () => void
  /** Seals everything that is committed now, waiting for another sealer if need be. Rejects when the database does. */
  sealNow: () => Promise<SealResult>
  /** For how long no step has succeeded or been left to another process, in ms; `null` before `start`. */
  unsuccessfulForMs: () => number | null
  /**
   * Stops the schedule and seals a last time, for as long as one write may take; what is left is sealed after the
   * next start.
   */
  close: () => Promise<void>
}

/** Makes a sealer; nothing runs before `start`. */
export function createSealer({
  db,
  intervalMs,
  timeoutMs,
  schedule,
  monotonicClock,
  onSealed,
  onError
}: SealerOptions): Sealer {
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
