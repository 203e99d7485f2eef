import { ROOT_CONTEXT, trace, TraceFlags, type Context, type Span, type SpanContext } from '@opentelemetry/api'

const CONTINUED = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The place that a `traceparent` names; `null` for one that names none. @see W3C Trace Context §3.2 */
export function contextOfTraceparent(value: unknown): Context | null {
  const parts = typeof value === 'string' ? CONTINUED.exec(value) : null
  if (parts === null) return null
  const [, traceId = '', spanId = '', flags = ''] = parts
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16) })
}

/** @see W3C Trace Context §3.2 */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** Whether the trace of a span is exported; of others only spans that end in an error are. */
export function isSampled(span: Span): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
}
