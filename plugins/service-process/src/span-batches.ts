import { AsyncLocalStorage } from 'node:async_hooks'
import { errorCode, scheduleByTimer, waitSeconds, type Schedule } from '@sallyport/security-context/mechanics'
import type { DiscoveryLog } from './options.ts'
import type { SpanRecord, SpanSink } from './span-record.ts'

/**
 * Sends one batch and resolves to how many of its spans the collector refused. What it rejects with is tried again
 * later, unless its code is {@link BATCH_REFUSED}; `retryAfterSeconds` of the error is heeded.
 */
export type SendSpans = (spans: readonly SpanRecord[]) => Promise<number>

/** Code of an error after which the same batch must not be sent again. */
export const BATCH_REFUSED = 'ERR_BATCH_REFUSED'

/** What batches are made with. */
export interface SpanBatchesOptions {
  readonly send: SendSpans
  /** Longest wait of a span for its batch, in ms. */
  readonly delayMs: number
  /** Most spans that wait or are under way; what comes on top is dropped and counted. */
  readonly maxQueued: number
  readonly maxBatch: number
  readonly log: DiscoveryLog
  /** When a batch is sent; a test triggers it itself. */
  readonly schedule?: Schedule
  /** From 0 to 1; spreads the attempts of many processes. */
  readonly random?: () => number
}

/** What became of the spans of this process. */
export interface SpanCounts {
  readonly exported: number
  /** Left out because too many waited. */
  readonly dropped: number
  /** Refused by the collector, or still here when the process ended. */
  readonly failed: number
  readonly waiting: number
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

/**
 * Collects finished spans and sends them in batches, one at a time and never by a request. While the collector is away
 * its batch waits with the others, within the same bound, and is tried again after pauses that grow.
 */
export class SpanBatches implements SpanSink {
  readonly #options: SpanBatchesOptions
  readonly #schedule: Schedule
  /** Timers and exports must not carry the trace of the request that happened to be first. */
  readonly #underNoRequest = AsyncLocalStorage.snapshot()
  #waiting: SpanRecord[] = []
  #underWay = 0
  #due: { readonly stop: () => void } | null = null
  #sending: Promise<void> | null = null
  /** Pause before the next attempt; 0 while the collector answers. */
  #pauseMs = 0
  #counts = { exported: 0, dropped: 0, failed: 0 }

  constructor(options: SpanBatchesOptions) {
    this.#options = options
    this.#schedule = options.schedule ?? scheduleByTimer
  }

  take(span: SpanRecord): void {
    const { maxQueued, maxBatch } = this.#options
    if (this.#waiting.length + this.#underWay >= maxQueued) this.#counts.dropped++
    else this.#waiting.push(span)
    if (this.#waiting.length >= maxBatch && this.#pauseMs === 0) this.#begin()
    else this.#wait()
  }

  /** What became of the spans so far. */
  counts(): SpanCounts {
    return { ...this.#counts, waiting: this.#waiting.length + this.#underWay }
  }

  /** Sends what waits. Ends with the first failure. */
  async forceFlush(): Promise<void> {
    while (this.#sending !== null || this.#waiting.length > 0) {
      this.#begin()
      await this.#sending
      if (this.#pauseMs > 0) return
    }
  }

  async close(): Promise<void> {
    this.#due?.stop()
    // What is under way may fail; then what waits gets one attempt of its own.
    await this.#sending
    await this.forceFlush()
    this.#due?.stop()
    this.#counts.failed += this.#waiting.length
    this.#waiting = []
    const { exported, dropped, failed } = this.#counts
    if (dropped + failed > 0) this.#options.log.warn({ exported, dropped, failed }, 'spans were lost')
  }

  #wait(): void {
    if (this.#due !== null || this.#sending !== null) return
    this.#underNoRequest(() => {
      this.#due = this.#schedule(
        async () => {
          this.#begin()
        },
        Math.max(this.#options.delayMs, this.#pauseMs)
      )
    })
  }

  #begin(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return
    this.#due?.stop()
    this.#due = null
    const batch = this.#waiting.splice(0, this.#options.maxBatch)
    this.#underWay = batch.length
    this.#sending = this.#underNoRequest(() => this.#send(batch))
  }

  async #send(batch: readonly SpanRecord[]): Promise<void> {
    try {
      const refused = await this.#options.send(batch)
      this.#counts.exported += batch.length - refused
      this.#counts.failed += refused
      if (this.#pauseMs > 0) this.#options.log.info({}, 'traces are exported again')
      this.#pauseMs = 0
    } catch (err) {
      if (this.#pauseMs === 0) this.#options.log.warn({ err }, 'traces are not exported')
      this.#pauseMs = this.#nextPause(err)
      if (errorCode(err) === BATCH_REFUSED) this.#counts.failed += batch.length
      else this.#waiting = [...batch, ...this.#waiting]
    }
    this.#underWay = 0
    this.#sending = null
    if (this.#waiting.length >= this.#options.maxBatch && this.#pauseMs === 0) this.#begin()
    else if (this.#waiting.length > 0) this.#wait()
  }

  /** Twice the last pause, or what the collector asks for; half of it at random. */
  #nextPause(error: unknown): number {
    const asked = error instanceof Error && 'retryAfterSeconds' in error ? waitSeconds(error) * 1000 : 0
    const doubled = this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2
    const pause = Math.min(Math.max(doubled, asked), LONGEST_PAUSE_MS)
    return Math.max(asked, pause / 2 + (pause / 2) * (this.#options.random ?? Math.random)())
  }
}
