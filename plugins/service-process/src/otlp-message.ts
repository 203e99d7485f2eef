import { SpanStatusCode, type Attributes, type AttributeValue, type HrTime } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { redactText } from './redact-text.ts'
import { fallbackErrorType, hasFailed } from './server-spans.ts'

/** Attributes that a library fills from the message or the stack of an error, where anything may be. */
const NOT_EXPORTED = new Set(['exception.message', 'exception.stacktrace'])
/** Attributes with another value in each span: nothing of them is remembered. */
const NEVER_TWICE = new Set(['url.path', 'url.full', 'sallyport.txn'])
const MOST_REMEMBERED_PAIRS = 2000

/**
 * Makes what writes spans as the JSON of an OTLP request. Of an error only its kind is sent, and secrets are hidden in
 * all texts. It writes the text itself and remembers pairs, because the same few are in all spans: to make objects of
 * them for `JSON.stringify` took more than to record them.
 * @param resource who sends them
 * @see OTLP 1.x, JSON Protobuf encoding
 */
export function createOtlpWriter(resource: Attributes): (spans: readonly ReadableSpan[]) => string {
  const remembered = new Map<string, Map<AttributeValue, string>>()
  let size = 0

  function pair(key: string, value: AttributeValue): string {
    const ofKey = remembered.get(key)
    const known = ofKey?.get(value)
    if (known !== undefined) return known
    const text = `{"key":${JSON.stringify(key)},"value":${otlpValue(value)}}`
    if (NEVER_TWICE.has(key) || Array.isArray(value)) return text
    if (++size > MOST_REMEMBERED_PAIRS) {
      remembered.clear()
      size = 0
    }
    remembered.set(key, (remembered.get(key) ?? new Map<AttributeValue, string>()).set(value, text))
    return text
  }

  function pairs(attributes: Attributes): string {
    let text = ''
    for (const key in attributes) {
      const value = attributes[key]
      if (value === undefined || value === null || NOT_EXPORTED.has(key)) continue
      text += text === '' ? pair(key, value) : `,${pair(key, value)}`
    }
    return `[${text}]`
  }

  function spanText(span: ReadableSpan): string {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext()
    const { parentSpanContext: parent, events, links, attributes } = span
    const hasError = hasFailed(span)
    const state = traceState === undefined ? '' : `,"traceState":${JSON.stringify(traceState.serialize())}`
    return (
      `{"traceId":"${traceId}","spanId":"${spanId}"${parent === undefined ? '' : `,"parentSpanId":"${parent.spanId}"`}` +
      // The protocol has one more kind before those of the API.
      `${state},"flags":${traceFlags},"name":${JSON.stringify(span.name)},"kind":${span.kind + 1}` +
      `,"startTimeUnixNano":"${nanoseconds(span.startTime)}","endTimeUnixNano":"${nanoseconds(span.endTime)}"` +
      `,"attributes":${pairs(hasError ? { ...attributes, ...fallbackErrorType(span) } : attributes)}` +
      `,"events":[${events.map(eventText).join(',')}],"links":[${links.map(linkText).join(',')}]` +
      `,"status":{"code":${hasError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET}}` +
      `,"droppedAttributesCount":${span.droppedAttributesCount},"droppedEventsCount":${span.droppedEventsCount}}`
    )
  }

  function eventText({ name, time, attributes = {} }: ReadableSpan['events'][number]): string {
    const at = nanoseconds(time)
    return `{"name":${JSON.stringify(name)},"timeUnixNano":"${at}","attributes":${pairs(attributes)}}`
  }

  return spans => {
    const scopes = [...Map.groupBy(spans, ({ instrumentationScope }) => instrumentationScope.name)]
    const scopeSpans = scopes.map(
      ([name, ofScope]) => `{"scope":{"name":${JSON.stringify(name)}},"spans":[${ofScope.map(spanText).join(',')}]}`
    )
    return `{"resourceSpans":[{"resource":{"attributes":${pairs(resource)}},"scopeSpans":[${scopeSpans.join(',')}]}]}`
  }
}

function linkText({ context }: ReadableSpan['links'][number]): string {
  return `{"traceId":"${context.traceId}","spanId":"${context.spanId}"}`
}

const nanoseconds = ([seconds, rest]: HrTime): string => `${seconds}${String(rest).padStart(9, '0')}`

function otlpValue(value: AttributeValue | null | undefined): string {
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(redactText(value))}}`
  if (typeof value === 'boolean') return `{"boolValue":${value}}`
  if (typeof value === 'number') return numberText(value)
  return Array.isArray(value) ? `{"arrayValue":{"values":[${value.map(otlpValue).join(',')}]}}` : '{}'
}

/** @see Protocol Buffers, JSON mapping of numbers */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return `{"intValue":"${value}"}`
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
}
