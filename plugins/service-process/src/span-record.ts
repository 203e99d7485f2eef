/** A value of an attribute. */
export type SpanValue = string | number | boolean | readonly string[] | readonly number[] | readonly boolean[]

/** Names and values in turn: one array, where an object for each span would cost more than everything it says. */
export type SpanAttributes = ReadonlyArray<string | SpanValue>

/** What happened at a moment of a span. */
export interface SpanEvent {
  readonly name: string
  /** On the clock of `performance.now()`, in ms. */
  readonly atMs: number
  readonly attributes: SpanAttributes
}

/** Another span that this one has to do with. */
export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
}

/** The kinds of OpenTelemetry's API. */
export const SERVER_KIND = 1
export const CLIENT_KIND = 2

/** A span that has ended, as it waits for its export: nothing is made of it before. */
export interface SpanRecord {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | null
  readonly state: string | null
  /** Whether its trace is exported; of others only spans that have failed are. */
  readonly isSampled: boolean
  readonly hasFailed: boolean
  /** Who made it, as a collector shows it. */
  readonly scope: string
  readonly name: string
  readonly kind: number
  /** On the clock of `performance.now()`, in ms. */
  readonly startMs: number
  readonly endMs: number
  /** Attributes that many spans share: one list for all of them, which an exporter writes once. */
  readonly common: SpanAttributes
  readonly attributes: SpanAttributes
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
}

/** Takes spans that have ended. */
export interface SpanSink {
  /** A span of an exported trace, or one that has failed. */
  readonly take: (span: SpanRecord) => void
  /** Sends what is left. */
  readonly close: () => Promise<void>
}

/** For a span without events or links. */
export const NOTHING: readonly never[] = Object.freeze([])

const LARGEST_DRIFT_MS = 10
let offsetMs = performance.timeOrigin

/**
 * What has to be added to `performance.now()` for the time of day, in ms. It changes only where the two clocks have
 * moved apart, so that spans of one trace stay in order.
 */
export function timeOfDayOffsetMs(): number {
  const driftMs = Date.now() - performance.now() - offsetMs
  if (Math.abs(driftMs) > LARGEST_DRIFT_MS) offsetMs += driftMs
  return offsetMs
}

/** A moment as seconds and nanoseconds of the time of day. */
export function secondsAndNanoseconds(atMs: number, addedMs: number): [number, number] {
  const dayMs = atMs + addedMs
  const seconds = Math.floor(dayMs / 1000)
  return [seconds, Math.min(Math.round((dayMs - seconds * 1000) * 1e6), 999_999_999)]
}
