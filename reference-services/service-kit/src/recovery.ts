import { Counter, Gauge } from '@prometheus-io/client'
import { newTxn } from '@sallyport/security-context'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { ServiceInstance } from './create-instance.ts'
import type { RecoveryTransaction } from './recovery-transaction.ts'
import { claimUnfinished, countUnfinished, type ClaimedWork, type UnfinishedWork } from './unfinished.ts'

/** The result for a row: `finished`, `undone`, or already `settled` by somebody else. */
export type Recovered = 'finished' | 'undone' | 'settled'

/** Options of a service's recovery. */
export interface RecoveryOptions {
  readonly db: Knex
  readonly work: UnfinishedWork
  /** Finishes or undoes one row, idempotently. A rejection leaves the row for a later run. */
  readonly recover: (id: string, transaction: RecoveryTransaction) => Promise<Recovered>
  /** Time between the end of a run and the next one, in ms, as it is now. */
  readonly intervalMs: () => number
  /** Replaced by tests. */
  readonly schedule?: Schedule
}

/** Recovery that runs. */
export interface Recovery {
  /** Begins the wait for the next run anew, after the interval has become another one. */
  readonly reschedule: () => void
}

/** Rows that are worked on at the same time. */
const RECOVERED_TOGETHER = 5
/** Rows of one run at most. */
const RECOVERED_PER_RUN = 100
/** How long a row belongs to whoever claimed it, in ms: longer than the calls for one row may take. */
const RECOVERY_LEASE_MS = 15_000

/**
 * Finishes what was begun and never ended, because an answer, a COMMIT or the process was lost. Runs from `ready` until
 * the instance closes. A row belongs to one replica at a time. A run handles a bounded number of rows, and ends early
 * when none of a chunk could be finished, because then the peer is away.
 *
 * Measured by `sallyport_recovery_pending` (rows that hold unfinished work, as of the last run) and
 * `sallyport_recovery_rows_total` by outcome.
 */
export function openRecovery(app: ServiceInstance, options: RecoveryOptions): Recovery {
  const { db, work, intervalMs, schedule = scheduleByTimer } = options
  const registers = [app.metricsRegistry]
  const rows = new Counter({
    name: 'sallyport_recovery_rows_total',
    help: 'Rows that recovery took up',
    labelNames: ['table', 'outcome'],
    registers
  })
  const pending = new Gauge({
    name: 'sallyport_recovery_pending',
    help: 'Rows with work that was begun and not finished',
    labelNames: ['table'],
    registers
  })

  async function recoverRow({ id, begunTxn }: ClaimedWork): Promise<boolean> {
    const transaction = { txn: newTxn(), begunTxn }
    try {
      rows.inc({ table: work.table, outcome: await options.recover(id, transaction) })
      return true
    } catch (error) {
      rows.inc({ table: work.table, outcome: 'failed' })
      app.log.warn({ err: error, table: work.table, id, ...transaction }, 'unfinished work stays for a later run')
      return false
    }
  }

  async function run(): Promise<void> {
    try {
      for (let taken = 0; taken < RECOVERED_PER_RUN;) {
        const claimed = await claimUnfinished(db, work, RECOVERED_TOGETHER, RECOVERY_LEASE_MS)
        const recovered = await Promise.all(claimed.map(recoverRow))
        if (!recovered.includes(true)) break
        taken += claimed.length
      }
      pending.set({ table: work.table }, await countUnfinished(db, work))
    } catch (error) {
      app.log.warn({ err: error, table: work.table }, 'unfinished work cannot be read')
    }
  }

  let running: Promise<void> = Promise.resolve()
  let stop = (): void => {}
  let isOpen = false

  function start(): void {
    stop()
    stop = schedule(() => {
      // A run that began under the last interval may still be at it.
      running = running.then(run)
      return running
    }, intervalMs()).stop
  }

  app.addHook('onReady', function startRecovery(next) {
    isOpen = true
    start()
    next()
  })
  // Before the instance closes its connections: the current row is finished, the next one is not begun.
  app.addHook('preClose', async function stopRecovery() {
    isOpen = false
    stop()
    await running
  })
  return {
    reschedule: () => {
      if (isOpen) start()
    }
  }
}
