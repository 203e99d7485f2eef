import { randomUUID } from 'node:crypto'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { ReadAuditLogOptions } from '../options.ts'
import { createPushCursor, pushedThrough, type PushPlace } from './push-cursor.ts'
import { pushPending, type PushRun } from './push-pending.ts'

/** What is known of the push, for readiness and metrics. */
export interface PushState {
  /** Sealed rows that the receiver does not have. */
  readonly waiting: number
  /** How long the oldest of them is sealed, in ms. */
  readonly behindMs: number
  /** Rows that this process pushed, batches that failed, and rows that the receiver left out. */
  readonly pushed: number
  readonly failures: number
  readonly refused: number
}

/** Pushes the trail while the app runs. */
export interface PushTask {
  readonly start: () => void
  /** Looks once, and pushes what there is; a pause after a failure is kept. Resolves whatever happens. */
  readonly push: () => Promise<void>
  readonly state: () => PushState
  /** Rejects when the push falls behind and that is to make the process not ready. */
  readonly check: () => Promise<void>
  readonly close: () => Promise<void>
}

/** The first pause after a failure, in ms. */
const FIRST_PUSH_PAUSE_MS = 1000
/** What a process that ends still waits for, in ms: the rest is pushed after the next start. */
const LAST_PUSH_MS = 2000
/** A lease is longer than a batch and the statements around it, by this, in ms. */
const LEASE_MARGIN_MS = 5000

/** Makes the task; `null` where nothing is pushed. */
export function createPushTask(
  options: ReadAuditLogOptions,
  log: FastifyBaseLogger,
  chance: () => number = Math.random
): PushTask | null {
  const { push, db, schedule, writeTimeoutMs, monotonicClock, clock } = options
  if (push === false || db === undefined) return null
  const { receiver, intervalMs, batchRows, timeoutMs, maxPauseMs, behindAfterMs, readiness } = push
  const heldMs = timeoutMs + 3 * writeTimeoutMs + LEASE_MARGIN_MS
  const cursor = createPushCursor({ db, holder: randomUUID(), heldMs, timeoutMs: writeTimeoutMs })
  const closing = new AbortController()
  const count = { pushed: 0, failures: 0, refused: 0 }
  let place: PushPlace | null = null
  let [failuresInARow, pausedUntil, isBehind] = [0, 0, false]
  let timer: { stop: () => void } | null = null
  let last: Promise<unknown> = Promise.resolve()

  const behindMs = (): number => (place?.waitingSince ? Math.max(0, clock() - place.waitingSince.getTime()) : 0)

  function notePlace(found: PushPlace): void {
    place = found
    const [was, now] = [isBehind, behindMs() > behindAfterMs]
    // Between the two it neither falls behind nor has caught up.
    isBehind = now || (was && found.waiting > batchRows)
    const facts = { receiver: receiver.name, waiting: found.waiting, behindMs: behindMs() }
    if (isBehind && !was) log.warn(facts, 'the push of the audit trail falls behind')
    if (was && !isBehind) log.info(facts, 'the push of the audit trail has caught up')
  }

  const run: PushRun = {
    ...{ db, cursor, receiver, batchRows, rules: options, signal: closing.signal, onPlace: notePlace },
    sendTimeoutMs: timeoutMs,
    readTimeoutMs: writeTimeoutMs,
    onPushed: (rows, refused) => {
      noteSuccess()
      count.pushed += rows
      count.refused += refused
      if (refused > 0) log.error({ receiver: receiver.name, refused }, 'the receiver left out rows of the audit trail')
    },
    onRefused: ({ id, sequence }, reason) => {
      log.error({ receiver: receiver.name, id, sequence, reason }, 'the receiver refuses a row of the audit trail')
    }
  }

  function noteSuccess(): void {
    if (failuresInARow > 0) log.info({ receiver: receiver.name }, 'the audit trail is pushed again')
    failuresInARow = 0
  }

  /** One line for an outage, however long it takes. */
  async function noteFailure(error: unknown): Promise<void> {
    count.failures++
    const pauseMs = Math.max(pauseAfter(failuresInARow, maxPauseMs, chance), askedPause(error))
    failuresInARow++
    pausedUntil = monotonicClock() + pauseMs
    const facts = { err: error, receiver: receiver.name, pauseMs }
    if (failuresInARow === 1) log.error(facts, 'the audit trail could not be pushed')
    else log.debug(facts, 'the audit trail could not be pushed')
    await cursor.release().catch(() => {})
  }

  async function pushOnce(): Promise<void> {
    if (monotonicClock() < pausedUntil) return await lookOnce()
    await pushPending(run).catch(noteFailure)
  }

  /** During a pause the lag grows, and that is seen. */
  async function lookOnce(): Promise<void> {
    const found = await cursor.look().catch(() => null)
    if (found !== null) notePlace(found)
  }

  /** One after the other. */
  function enqueue(): Promise<void> {
    const next = last.then(pushOnce)
    last = next
    return next
  }

  return {
    start: () => {
      timer = schedule(enqueue, intervalMs)
    },
    push: enqueue,
    state: () => ({ ...count, waiting: place?.waiting ?? 0, behindMs: behindMs() }),
    check: async () => {
      if (readiness && isBehind) throw new Error(`the audit trail was not pushed for ${Math.round(behindMs())} ms`)
    },
    close: async () => {
      timer?.stop()
      await withDeadline(enqueue(), LAST_PUSH_MS).catch(() => {})
      closing.abort()
      await cursor.release().catch(() => {})
    }
  }
}

/** Up to twice as long as the pause before, and by chance, so that processes do not come back together. */
function pauseAfter(failures: number, longestMs: number, chance: () => number): number {
  return Math.min(longestMs, FIRST_PUSH_PAUSE_MS * 2 ** Math.min(failures, 30)) * (0.5 + chance() / 2)
}

function askedPause(error: unknown): number {
  const seconds = error instanceof Error && 'retryAfterSeconds' in error ? error.retryAfterSeconds : 0
  return typeof seconds === 'number' ? seconds * 1000 : 0
}

/** Says when the app listens that a push which nobody does any more keeps rows from being pruned. */
export function warnOfLeftPush(fastify: FastifyInstance, { push, db }: ReadAuditLogOptions): void {
  if (push !== false || db === undefined) return
  fastify.addHook('onListen', function lookForLeftPush() {
    void pushedThrough(db).then(
      through => {
        if (through === Number.MAX_SAFE_INTEGER) return
        fastify.log.warn({ through }, 'nobody pushes the audit trail any more: end the push, or nothing is pruned')
      },
      // What has to be said of the database is said by its own check.
      () => {}
    )
  })
}
