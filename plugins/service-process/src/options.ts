import { scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import {
  customOption,
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { ProcessOptionsError } from './errors.ts'
import type { SampleTrace } from './place-in-trace.ts'
import type { TrustsAddress } from './trusted-proxies.ts'

/** Options of `startTracing`. */
export interface TracingOptions {
  /**
   * The name of the service in exported spans.
   * @example 'order-service'
   */
  readonly serviceName: string
  /**
   * Where finished spans go. Without one, ids are still made and passed on.
   * @default []
   */
  readonly spanProcessors?: readonly SpanProcessor[]
  /**
   * Whether a caller's `traceparent` is continued. `false` at the edge, where callers are strangers.
   * @default true
   */
  readonly acceptIncoming?: boolean
  /**
   * Whose `traceparent` is continued although `acceptIncoming` is `false`, by the address of the connection: proxies of
   * your own. Left out: nobody's.
   */
  readonly trustsPeer?: TrustsAddress
  /**
   * Which traces are exported, by trace id and by what the caller decided (`null`: the trace begins here). Left out:
   * what the caller decided, and all that begin here.
   * @example (_traceId, given) => given ?? false
   */
  readonly sampleTrace?: SampleTrace
}

/** Where a discovery logs its progress. */
export interface DiscoveryLog {
  readonly warn: (detail: object, message: string) => void
  readonly info: (detail: object, message: string) => void
}

/** How to look for something that another process provides. */
export interface OpenDiscoveryOptions<Found> {
  /** What is looked for, in log lines: `issuer`. */
  readonly name: string
  /** One attempt, with a deadline of its own. */
  readonly attempt: () => Promise<Found>
  /**
   * Pause between two attempts, in ms.
   * @default 1000
   */
  readonly pauseMs?: number
  /**
   * When it is tried again; a test triggers it itself.
   * @default scheduleByTimer
   */
  readonly schedule?: Schedule
  /** Gets the first of several equal failures, and the end of them. Left out: nobody. */
  readonly log?: DiscoveryLog
}

export const tracingOptions = optionsObject({
  serviceName: Type.String({ minLength: 1 }),
  spanProcessors: listOf(objectWith<SpanProcessor>('a span processor', ['onEnd']), { default: [] }),
  acceptIncoming: Type.Boolean({ default: true }),
  trustsPeer: Type.Optional(functionOption<TrustsAddress>()),
  sampleTrace: Type.Optional(functionOption<SampleTrace>())
})

export const openDiscoveryOptions = optionsObject({
  name: Type.String({ minLength: 1 }),
  attempt: customOption<() => Promise<unknown>>('a function', value => typeof value === 'function'),
  pauseMs: Type.Integer({ minimum: 1, default: 1000 }),
  schedule: functionOption<Schedule>({ default: scheduleByTimer, defaultText: 'scheduleByTimer' }),
  log: Type.Optional(objectWith<DiscoveryLog>('a log', ['warn', 'info']))
})

/** @throws {ProcessOptionsError} `SALLYPORT_PROCESS_OPTIONS_INVALID`, naming every mistake */
export function readTracingOptions(given: TracingOptions): ReadOptions<typeof tracingOptions> {
  return readOptions({ schema: tracingOptions, error: ProcessOptionsError }, given)
}

/** @throws {ProcessOptionsError} `SALLYPORT_PROCESS_OPTIONS_INVALID`, naming every mistake */
export function readOpenDiscoveryOptions<Found>(
  given: OpenDiscoveryOptions<Found>
): ReadOptions<typeof openDiscoveryOptions> {
  return readOptions({ schema: openDiscoveryOptions, error: ProcessOptionsError }, given)
}
