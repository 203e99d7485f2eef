import type { Context } from '@opentelemetry/api'
import { randomSpanId, randomTraceId } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { SpanAttributes, SpanEvent, SpanLink } from './span-record.ts'

const PLACE = Symbol('sallyport.service-process.placeInTrace')
const TRACEPARENT_FORM = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const SPAN_AT = '00-'.length + NO_TRACE.length + 1
const FLAGS_AT = SPAN_AT + NO_SPAN.length + 1

/** What a `traceparent` names. */
export interface NamedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Two hexadecimal digits; the last bit says that whoever began the trace exports it. */
  readonly flags: string
}

/** A span that others can be below. */
export interface SpanPlace extends NamedSpan {
  readonly isSampled: boolean
  /** `tracestate`. */
  readonly state: string | null
  /** Its `traceparent`, once it has been asked for. */
  header: string | null
}

/** What code has added to a span by OpenTelemetry's API. */
export interface AddedToSpan {
  readonly name: string | null
  readonly attributes: SpanAttributes
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
}

/** Where a request is in its trace, and what its span needs beside the request when it ends. */
export class PlaceInTrace implements SpanPlace {
  readonly traceId: string
  /** The parent of whatever is called under the request. */
  readonly spanId = randomSpanId()
  readonly parentSpanId: string | null
  readonly flags: string
  readonly isSampled: boolean
  readonly state: string | null
  header: string | null = null
  /** On the clock of `performance.now()`, in ms. */
  readonly startMs = performance.now()
  /** The span of a caller whose trace is not continued. */
  link: SpanLink | null = null
  errorType: string | null = null
  namesTransaction = false
  isEnded = false
  /** Asked when the span ends. */
  added: (() => AddedToSpan) | null = null
  /** This place for OpenTelemetry's API, made when somebody asks. */
  context: Context | null = null

  constructor(parent: NamedSpan | null, state: string | null, sample: SampleTrace) {
    this.traceId = parent?.traceId ?? randomTraceId()
    this.parentSpanId = parent?.spanId ?? null
    this.state = state
    const given = parent === null ? null : isSampledFlag(parent.flags)
    this.isSampled = sample(this.traceId, given)
    this.flags = parent !== null && given === this.isSampled ? parent.flags : flagsOf(this.isSampled)
  }
}

/** Whether a trace is exported. @param given what the caller decided; `null` for a trace that begins here */
export type SampleTrace = (traceId: string, given: boolean | null) => boolean

declare module 'fastify' {
  interface FastifyRequest {
    [PLACE]?: PlaceInTrace | null
  }
}

/** What a `traceparent` names; `null` where it is malformed or names nothing. @see W3C Trace Context §3.2 */
export function readTraceparent(value: unknown): NamedSpan | null {
  if (typeof value !== 'string' || !TRACEPARENT_FORM.test(value)) return null
  const traceId = value.slice('00-'.length, SPAN_AT - 1)
  const spanId = value.slice(SPAN_AT, FLAGS_AT - 1)
  return traceId === NO_TRACE || spanId === NO_SPAN ? null : { traceId, spanId, flags: value.slice(FLAGS_AT) }
}

/** @see W3C Trace Context §3.2 */
export const traceparentOf = ({ traceId, spanId, flags }: NamedSpan): string => `00-${traceId}-${spanId}-${flags}`

/** @see W3C Trace Context §3.2.2.5 */
export const isSampledFlag = (flags: string): boolean => (flags.charCodeAt(1) & 1) === 1

/** The flags of a trace that begins here. */
export const flagsOf = (isSampled: boolean): string => (isSampled ? '01' : '00')

/** Who begins a trace where nobody decides: what a caller decided holds, and the rest is for everybody behind. */
export const sampleAsGiven: SampleTrace = (_traceId, given) => given ?? true

/** Makes the slot of {@link placeInTrace}. */
export function keepPlaces(fastify: { decorateRequest: (slot: symbol, value: null) => unknown }): void {
  fastify.decorateRequest(PLACE, null)
}

/** Puts a request into its trace: that of its headers, or a new one. */
export function beginPlace(request: FastifyRequest, sample: SampleTrace): PlaceInTrace {
  const { traceparent, tracestate } = request.headers
  const parent = traceparent === undefined ? null : readTraceparent(traceparent)
  const state = parent !== null && typeof tracestate === 'string' ? tracestate : null
  const place = new PlaceInTrace(parent, state, sample)
  request[PLACE] = place
  return place
}

/** Where a request is in its trace; `null` in an app whose tracing is another's. */
export function placeInTrace(request: FastifyRequest): PlaceInTrace | null {
  const known = request[PLACE]
  return known === null ? beginPlace(request, sampleAsGiven) : (known ?? null)
}

/** `trace_id` and `span_id` of a request, as its lines of the log have them; empty in an app without tracing. */
export function traceFields(request: FastifyRequest): Readonly<Record<string, string>> {
  const place = placeInTrace(request)
  return place === null ? {} : traceIdFields(place)
}

/** The same of a place. */
export const traceIdFields = ({ traceId, spanId }: NamedSpan): Readonly<Record<string, string>> => ({
  trace_id: traceId,
  span_id: spanId
})

/** Headers that carry a trace to a peer. */
export function outgoingTrace(place: SpanPlace | null): Record<string, string> {
  if (place === null) return {}
  place.header ??= traceparentOf(place)
  const { header: traceparent } = place
  return place.state === null ? { traceparent } : { traceparent, tracestate: place.state }
}
