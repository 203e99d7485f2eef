import type { FastifyBaseLogger } from 'fastify'
import type { Knex } from 'knex'
import type { ReadAuditLogOptions } from '../options.ts'
import type { Rows } from '../seal-pending.ts'
import { openTrailPool } from '../trail-pool.ts'
import { pruneAlone } from './prune-alone.ts'

/** What is known of pruning by schedule, for metrics. */
export interface PruningState {
  /** Rows that this process removed. */
  readonly removed: number
  /** Rows that were old at the last run and wait for the push. */
  readonly postponed: number
  /** How long no run has succeeded or been left to another process, in ms. */
  readonly silentForMs: number
}

/** Removes old rows while the app runs. */
export interface PruningTask {
  readonly start: () => void
  readonly state: () => PruningState
  readonly close: () => Promise<void>
}

/** How often it is looked whether a run is due: one that failed is tried again after this, in ms. */
const LOOK_INTERVAL_MS = 60_000
/** Limit of each statement at the server, in ms. */
const PRUNE_STATEMENT_MS = 60_000
const PRUNED_DAY_MS = 86_400_000

/** Makes the task; `null` where nothing is pruned here. */
export function createPruningTask(options: ReadAuditLogOptions, log: FastifyBaseLogger): PruningTask | null {
  const { pruning, db, schedule, monotonicClock, clock, process, versions } = options
  if (pruning === false || db === undefined) return null
  const { databaseUrl, keepDays, classes, intervalMs, batchRows } = pruning
  const closing = new AbortController()
  let [removed, postponed, succeededAt] = [0, 0, monotonicClock()]
  let dueAt: number | null = null
  let timer: { stop: () => void } | null = null
  let last: Promise<unknown> = Promise.resolve()

  async function pruneOnce(pool: Knex): Promise<void> {
    const nowMs = await earliestNow(pool, clock())
    const kept = (days: number): Date => new Date(nowMs - days * PRUNED_DAY_MS)
    const before = kept(keepDays)
    const found = await pruneAlone(pool, {
      before,
      classes: classes.map(each => ({ actions: each.actions, before: kept(each.keepDays) })),
      ...{ process, versions: versions(null), timeoutMs: PRUNE_STATEMENT_MS, batchRows, signal: closing.signal }
    })
    if (found === null) return
    removed += found.removed
    const facts = { ...found, before }
    if (found.removed > 0 || dueAt === null) log.info(facts, 'old audit rows were looked for and removed')
    if (found.postponed > 0 && postponed === 0) log.warn(facts, 'old audit rows are kept: they were not pushed yet')
    postponed = found.postponed
  }

  async function prune(): Promise<void> {
    if (closing.signal.aborted || (dueAt !== null && monotonicClock() < dueAt)) return
    const pool = openTrailPool(databaseUrl, PRUNE_STATEMENT_MS)
    try {
      await pruneOnce(pool)
      succeededAt = monotonicClock()
      dueAt = succeededAt + intervalMs
    } catch (error) {
      log.error({ err: error }, 'old audit rows could not be removed')
    } finally {
      await pool.destroy()
    }
  }

  function enqueue(): Promise<void> {
    const next = last.then(prune)
    last = next.catch(() => {})
    return next
  }

  return {
    start: () => {
      timer = schedule(enqueue, Math.min(intervalMs, LOOK_INTERVAL_MS))
    },
    state: () => ({ removed, postponed, silentForMs: monotonicClock() - succeededAt }),
    close: async () => {
      timer?.stop()
      closing.abort()
      await last
    }
  }
}

/** The clock of the database or ours, whichever is behind: one that is ahead must not make rows old. */
async function earliestNow(pool: Knex, ownMs: number): Promise<number> {
  const { rows } = await pool.raw<Rows<{ now: Date }>>('select now() as now')
  return Math.min(ownMs, rows[0]?.now.getTime() ?? ownMs)
}
