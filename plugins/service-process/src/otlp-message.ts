import { otlpAttribute, otlpAttributes } from './otlp-values.ts'
import {
  timeOfDayOffsetMs,
  type SpanAttributes,
  type SpanEvent,
  type SpanLink,
  type SpanRecord,
  type SpanValue
} from './span-record.ts'

/** Attributes that a library fills from the message or the stack of an error, where anything may be. */
const NOT_EXPORTED = new Set(['exception.message', 'exception.stacktrace'])
/** Attributes with another value in each span: nothing of them is remembered. */
const NEVER_TWICE = new Set(['url.path', 'url.full', 'sallyport.txn'])
const MOST_REMEMBERED_PAIRS = 2000
const MOST_REMEMBERED_LISTS = 500
const UNSET_STATUS = 0
const ERROR_STATUS = 2
/** Longest `tracestate` that is passed on with a span. @see W3C Trace Context §3.3.1.5 */
const LONGEST_STATE = 512

/**
 * Makes what writes spans as the JSON of an OTLP request. Of an error only its kind is sent, and secrets are hidden in
 * all texts. It writes the text itself and remembers pairs, because the same few are in all spans: to make objects of
 * them for `JSON.stringify` took more than to record them.
 * @param resource who sends them
 * @param offsetMs what is added to the times of spans for the time of day, in ms
 * @see OTLP 1.x, JSON Protobuf encoding
 */
export function createOtlpWriter(
  resource: Readonly<Record<string, string>>,
  offsetMs: () => number = timeOfDayOffsetMs
): (spans: readonly SpanRecord[]) => string {
  const pair = rememberPairs()
  const shared = new Map<SpanAttributes, string>()
  const sender = otlpAttributes(resource)

  function sharedPairs(attributes: SpanAttributes): string {
    const known = shared.get(attributes)
    if (known !== undefined) return known
    if (shared.size >= MOST_REMEMBERED_LISTS) shared.clear()
    const text = pairs(attributes)
    shared.set(attributes, text)
    return text
  }

  /** @param text what is in the list before */
  function pairs(attributes: SpanAttributes, text = ''): string {
    for (let at = 0; at < attributes.length; at += 2) {
      const name = String(attributes[at])
      const value = attributes[at + 1]
      if (value === undefined || NOT_EXPORTED.has(name)) continue
      text += text === '' ? pair(name, value) : `,${pair(name, value)}`
    }
    return text
  }

  function spanText(span: SpanRecord, addedMs: number): string {
    const { traceId, spanId, parentSpanId, state, isSampled, hasFailed, name, kind, events, links } = span
    return (
      `{"traceId":"${traceId}","spanId":"${spanId}"${parentSpanId === null ? '' : `,"parentSpanId":"${parentSpanId}"`}` +
      (state === null || state.length > LONGEST_STATE ? '' : `,"traceState":${JSON.stringify(state)}`) +
      // The protocol has one more kind before those of the API.
      `,"flags":${isSampled ? 1 : 0},"name":${JSON.stringify(name)},"kind":${kind + 1}` +
      `,"startTimeUnixNano":"${nanoseconds(span.startMs, addedMs)}"` +
      `,"endTimeUnixNano":"${nanoseconds(span.endMs, addedMs)}"` +
      `,"attributes":[${pairs(span.attributes, sharedPairs(span.common))}]` +
      (events.length === 0 ? '' : `,"events":[${events.map(event => eventText(event, addedMs)).join(',')}]`) +
      (links.length === 0 ? '' : `,"links":[${links.map(linkText).join(',')}]`) +
      `,"status":{"code":${hasFailed ? ERROR_STATUS : UNSET_STATUS}}}`
    )
  }

  function eventText({ name, atMs, attributes }: SpanEvent, addedMs: number): string {
    const at = nanoseconds(atMs, addedMs)
    return `{"name":${JSON.stringify(name)},"timeUnixNano":"${at}","attributes":[${pairs(attributes)}]}`
  }

  return spans => {
    const addedMs = offsetMs()
    const scopes = [...Map.groupBy(spans, ({ scope }) => scope)].map(
      ([name, ofScope]) =>
        `{"scope":{"name":${JSON.stringify(name)}},"spans":[${ofScope.map(span => spanText(span, addedMs)).join(',')}]}`
    )
    return `{"resourceSpans":[{"resource":{"attributes":${sender}},"scopeSpans":[${scopes.join(',')}]}]}`
  }
}

function rememberPairs(): (name: string, value: SpanValue) => string {
  const remembered = new Map<string, Map<SpanValue, string>>()
  let size = 0
  return (name, value) => {
    const ofName = remembered.get(name)
    const known = ofName?.get(value)
    if (known !== undefined) return known
    const text = otlpAttribute(name, value)
    if (NEVER_TWICE.has(name) || typeof value === 'object') return text
    if (++size > MOST_REMEMBERED_PAIRS) {
      remembered.clear()
      size = 0
    }
    remembered.set(name, (remembered.get(name) ?? new Map<SpanValue, string>()).set(value, text))
    return text
  }
}

const linkText = ({ traceId, spanId }: SpanLink): string => `{"traceId":"${traceId}","spanId":"${spanId}"}`

/** Clocks of Node count microseconds. */
const nanoseconds = (atMs: number, addedMs: number): string => `${Math.round((atMs + addedMs) * 1000)}000`
