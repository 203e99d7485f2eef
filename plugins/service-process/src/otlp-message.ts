import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { redactText } from './redact-text.ts'

type Values = ReadonlyArray<{ readonly key: string; readonly value: object }>

/** Attributes that a library fills from the message or the stack of an error, where anything may be. */
const NOT_EXPORTED = new Set(['exception.message', 'exception.stacktrace'])

/**
 * Spans as the JSON of an OTLP request. Of an error only its kind is sent, and secrets are hidden in all texts.
 * @see OTLP 1.x, JSON Protobuf encoding
 */
export function otlpMessage(spans: readonly ReadableSpan[], resource: Attributes): string {
  const scopes = Map.groupBy(spans, ({ instrumentationScope }) => instrumentationScope.name)
  const scopeSpans = [...scopes].map(([name, ofScope]) => ({ scope: { name }, spans: ofScope.map(otlpSpan) }))
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: otlpAttributes(resource) }, scopeSpans }] })
}

function otlpSpan(span: ReadableSpan): object {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  const { parentSpanContext: parent, status, events } = span
  return {
    traceId,
    spanId,
    ...(parent !== undefined && { parentSpanId: parent.spanId }),
    ...(traceState !== undefined && { traceState: traceState.serialize() }),
    flags: traceFlags,
    name: span.name,
    // The protocol has one more kind before those of the API.
    kind: span.kind + 1,
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: otlpAttributes(span.attributes),
    events: events.map(({ name, time, attributes = {} }) => ({
      name,
      timeUnixNano: nanoseconds(time),
      attributes: otlpAttributes(attributes)
    })),
    status: { code: status.code },
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount
  }
}

const nanoseconds = ([seconds, rest]: HrTime): string => `${seconds}${String(rest).padStart(9, '0')}`

function otlpAttributes(attributes: Attributes): Values {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined || NOT_EXPORTED.has(key) ? [] : [{ key, value: otlpValue(value) }]
  )
}

function otlpValue(value: AttributeValue | null | undefined): object {
  if (typeof value === 'string') return { stringValue: redactText(value) }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(otlpValue) } }
  return {}
}
