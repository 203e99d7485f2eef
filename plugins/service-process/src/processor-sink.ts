import { SpanStatusCode, TraceFlags, type Attributes, type SpanContext } from '@opentelemetry/api'
import { defaultResource, resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import {
  secondsAndNanoseconds,
  timeOfDayOffsetMs,
  type SpanAttributes,
  type SpanRecord,
  type SpanSink
} from './span-record.ts'

/**
 * Hands spans to processors of OpenTelemetry's SDK, as the SDK's own would look when they end. Processors are not told
 * of the start of a span, and get only those of exported traces.
 */
export function processorSink(processors: readonly SpanProcessor[], serviceName: string): SpanSink {
  const resource = defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName }))
  return {
    take(span) {
      if (!span.isSampled) return
      const readable = readableSpan(span, resource)
      for (const processor of processors) processor.onEnd(readable)
    },
    async close() {
      for (const processor of processors) await processor.shutdown()
    }
  }
}

function readableSpan(span: SpanRecord, resource: Resource): ReadableSpan {
  const { name, kind, parentSpanId, startMs, endMs } = span
  const context = spanContext(span, span.spanId)
  const addedMs = timeOfDayOffsetMs()
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parentSpanId !== null && { parentSpanContext: spanContext(span, parentSpanId) }),
    startTime: secondsAndNanoseconds(startMs, addedMs),
    endTime: secondsAndNanoseconds(endMs, addedMs),
    duration: secondsAndNanoseconds(endMs - startMs, 0),
    status: { code: span.hasFailed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: attributesByName([...span.common, ...span.attributes]),
    events: span.events.map(({ name, atMs, attributes }) => ({
      name,
      time: secondsAndNanoseconds(atMs, addedMs),
      attributes: attributesByName(attributes)
    })),
    links: span.links.map(({ traceId, spanId }) => ({ context: { traceId, spanId, traceFlags: TraceFlags.NONE } })),
    ended: true,
    resource,
    instrumentationScope: { name: span.scope },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0
  }
}

const spanContext = ({ traceId, isSampled }: SpanRecord, spanId: string): SpanContext => ({
  traceId,
  spanId,
  traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
})

function attributesByName(flat: SpanAttributes): Attributes {
  const attributes: Attributes = {}
  for (let at = 0; at < flat.length; at += 2) {
    const value = flat[at + 1]
    attributes[String(flat[at])] = Array.isArray(value) ? [...value] : (value as string | number | boolean)
  }
  return attributes
}
