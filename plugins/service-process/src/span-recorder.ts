import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context } from '@opentelemetry/api'
import type { PlaceInTrace, SampleTrace, SpanPlace } from './place-in-trace.ts'
import type { SpanRecord, SpanSink } from './span-record.ts'

/** Code that runs in a context of OpenTelemetry's API, and the place that the context names. */
export interface BridgedContext {
  readonly bridged: Context
  readonly place: SpanPlace | null
}

/** Knows in which place of which trace code runs, and hands spans that have ended on. */
export class SpanRecorder {
  readonly sample: SampleTrace
  readonly #sinks: SpanSink[]
  readonly #running = new AsyncLocalStorage<PlaceInTrace | BridgedContext>()

  constructor(sample: SampleTrace, ...sinks: readonly SpanSink[]) {
    this.sample = sample
    this.#sinks = [...sinks]
  }

  addSink(sink: SpanSink): void {
    this.#sinks.push(sink)
  }

  /** The place of the running code; `null` outside a request. */
  active(): SpanPlace | null {
    const running = this.#running.getStore()
    if (running === undefined) return null
    return 'bridged' in running ? running.place : running
  }

  /** What the running code was started with. */
  running(): PlaceInTrace | BridgedContext | undefined {
    return this.#running.getStore()
  }

  /** Runs something, and all that it starts, in a place. */
  run<Result>(place: PlaceInTrace | BridgedContext, next: () => Result): Result {
    return this.#running.run(place, next)
  }

  /** Hands on a span of an exported trace, or one that has failed. */
  record(span: SpanRecord): void {
    for (const sink of this.#sinks) sink.take(span)
  }

  async close(): Promise<void> {
    for (const sink of this.#sinks) await sink.close()
  }
}
