import { context, ROOT_CONTEXT, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import type { DiscoveryLog } from './options.ts'

/** Sends one batch; rejects when the collector did not take it. */
export type SendSpans = (spans: readonly ReadableSpan[]) => Promise<void>

/** What batches are made with. */
export interface SpanBatchesOptions {
  readonly send: SendSpans
  /** Longest wait of a span for its batch, in ms. */
  readonly delayMs: number
  /** Most spans that wait; what comes on top is dropped and counted. */
  readonly maxQueued: number
  readonly maxBatch: number
  readonly log: DiscoveryLog
  /** When a batch is sent; a test triggers it itself. */
  readonly schedule?: Schedule
}

/** What became of the spans of this process. */
export interface SpanCounts {
  readonly exported: number
  /** Left out because too many waited. */
  readonly dropped: number
  /** Lost with batches that the collector did not take. */
  readonly failed: number
  readonly waiting: number
}

/**
 * Collects finished spans and sends them in batches, one at a time and never by a request. It takes sampled spans, and
 * those that ended in an error although their trace is not sampled. A batch that the collector does not take is lost:
 * a queue of old spans would only grow.
 */
export class SpanBatches implements SpanProcessor {
  readonly #options: SpanBatchesOptions
  readonly #schedule: Schedule
  #waiting: ReadableSpan[] = []
  #due: { readonly stop: () => void } | null = null
  #sending: Promise<void> | null = null
  #isAway = false
  #counts = { exported: 0, dropped: 0, failed: 0 }

  constructor(options: SpanBatchesOptions) {
    this.#options = options
    this.#schedule = options.schedule ?? scheduleByTimer
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const isSampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
    if (!isSampled && span.status.code !== SpanStatusCode.ERROR) return
    if (this.#waiting.length >= this.#options.maxQueued) this.#counts.dropped++
    else this.#waiting.push(span)
    if (this.#waiting.length >= this.#options.maxBatch) this.#begin()
    else this.#wait()
  }

  /** What became of the spans so far. */
  counts(): SpanCounts {
    return { ...this.#counts, waiting: this.#waiting.length }
  }

  async forceFlush(): Promise<void> {
    while (this.#sending !== null || this.#waiting.length > 0) {
      this.#begin()
      await this.#sending
    }
  }

  async shutdown(): Promise<void> {
    this.#due?.stop()
    await this.forceFlush()
    const { exported, dropped, failed } = this.#counts
    if (dropped + failed > 0) this.#options.log.warn({ exported, dropped, failed }, 'spans were lost')
  }

  #wait(): void {
    if (this.#due !== null || this.#sending !== null) return
    // The timer must not carry the trace of the request that happened to be first.
    context.with(ROOT_CONTEXT, () => {
      this.#due = this.#schedule(async () => {
        this.#due?.stop()
        this.#due = null
        this.#begin()
      }, this.#options.delayMs)
    })
  }

  #begin(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return
    this.#due?.stop()
    this.#due = null
    const batch = this.#waiting.splice(0, this.#options.maxBatch)
    this.#sending = context.with(ROOT_CONTEXT, () => this.#send(batch))
  }

  async #send(batch: readonly ReadableSpan[]): Promise<void> {
    try {
      await this.#options.send(batch)
      this.#counts.exported += batch.length
      if (this.#isAway) this.#options.log.info({}, 'traces are exported again')
      this.#isAway = false
    } catch (err) {
      this.#counts.failed += batch.length
      if (!this.#isAway) this.#options.log.warn({ err }, 'traces are not exported')
      this.#isAway = true
    }
    this.#sending = null
    if (this.#waiting.length >= this.#options.maxBatch) this.#begin()
    else if (this.#waiting.length > 0) this.#wait()
  }
}
