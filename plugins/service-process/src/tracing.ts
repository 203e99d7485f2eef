import { context, propagation, trace, TraceFlags } from '@opentelemetry/api'
import { randomTraceId } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { readTracingOptions, type TracingOptions } from './options.ts'
import { passTracesOn } from './pass-traces-on.ts'
import { spanContextOf, traceContextOf } from './trace-context.ts'
import type { Tracing } from './tracing-contract.ts'

/**
 * OpenTelemetry for this process, with `@fastify/otel`, which uses plain hooks instead of module patching and so works
 * in ESM and in any import order. It begins when the plugin is registered. Span attributes hold the path without the
 * query, where tokens may be. Without a processor nobody would see a span: then ids are made and passed on, and that is
 * all ({@link passTracesOn}).
 * @see W3C Trace Context
 */
export function startTracing(given: TracingOptions): Tracing {
  const options = readTracingOptions(given)
  if (options.spanProcessors.length === 0) return passTracesOn(options.acceptIncoming, options.trustsPeer)
  let end = async (): Promise<void> => {}
  return {
    plugin: fastifyPlugin(
      async function tracing(fastify: FastifyInstance) {
        const { recordSpans } = await import('./record-spans.ts')
        end = await recordSpans(fastify, options)
      },
      { name: '@sallyport/tracing', fastify: '5.x' }
    ),
    traceId: request => spanContextOf(request)?.traceId ?? randomTraceId(),
    recordedTraceId: request => {
      const span = spanContextOf(request)
      return span !== null && (span.traceFlags & TraceFlags.SAMPLED) !== 0 ? span.traceId : null
    },
    traceIds: () => {
      const active = trace.getSpan(context.active())?.spanContext()
      return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId }
    },
    outgoingHeaders: request => {
      const headers: Record<string, string> = {}
      propagation.inject(
        request === undefined ? context.active() : (traceContextOf(request) ?? context.active()),
        headers
      )
      return headers
    },
    close: async () => {
      await end()
    }
  }
}
