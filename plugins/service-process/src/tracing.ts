import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, propagation, trace, type Context } from '@opentelemetry/api'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { effectiveRoute, headHook, randomTraceId } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { followCalls } from './call-spans.ts'
import { dropTraceHeaders } from './drop-trace-headers.ts'
import { readTracingOptions, type TracingOptions } from './options.ts'
import { passTracesOn } from './pass-traces-on.ts'
import type { Tracing } from './tracing-contract.ts'

/** Who makes the spans of calls and of statements, as a collector shows it. */
export const TRACER_NAME = '@sallyport/service-process'
const LONGEST_ATTRIBUTE = 2048
const MOST_EVENTS = 16

/**
 * Starts OpenTelemetry for this process with `@fastify/otel`, which uses plain hooks instead of module patching and so
 * works in ESM and in any import order. Span attributes hold the path without the query, where tokens may be. Without a
 * processor nobody would see a span: then ids are made and passed on, and that is all ({@link passTracesOn}).
 * @see W3C Trace Context
 */
export function startTracing(given: TracingOptions): Tracing {
  const options = readTracingOptions(given)
  if (options.spanProcessors.length === 0) return passTracesOn(options.acceptIncoming, options.trustsPeer)
  const provider = new NodeTracerProvider({
    spanProcessors: [...options.spanProcessors],
    spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE, eventCountLimit: MOST_EVENTS },
    ...defined({ sampler: options.sampler })
  })
  provider.register()
  const ignoreCalls = followCalls(provider.getTracer(TRACER_NAME))
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    requestHook: (span, request) => {
      span.updateName(`${request.method} ${effectiveRoute(request).url}`.trim())
      span.setAttributes({ 'url.path': pathWithoutQuery(request.url), 'service.name': options.serviceName })
    }
  })
  return {
    plugin: tracingPlugin(instrumentation, dropTraceHeaders(options.acceptIncoming, options.trustsPeer)),
    traceId: request => spanContextOf(request)?.traceId ?? randomTraceId(),
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
      ignoreCalls()
      instrumentation.disable()
      await provider.shutdown()
      for (const api of [trace, context, propagation]) api.disable()
    }
  }
}

function tracingPlugin(
  instrumentation: FastifyOtelInstrumentation,
  drop: ReturnType<typeof dropTraceHeaders>
): FastifyPluginAsync {
  return fastifyPlugin(
    async function tracing(fastify: FastifyInstance) {
      fastify.addHook('onRequest', function dropForeignTrace(request, _reply, done) {
        drop(request)
        done()
      })
      await fastify.register(instrumentation.plugin())
      // The hook that ends the span is on each route.
      fastify.addHook('onRoute', function declareEndOfSpan({ onSend }) {
        for (const hook of [onSend].flat()) if (hook?.name === 'finalizeResponseSpanHook') headHook(hook)
      })
      // The body is parsed from events of the socket, where the context of onRequest is gone.
      fastify.addHook('preValidation', function resumeTrace(request, _reply, done) {
        const active = traceContextOf(request)
        if (active === null) done()
        else context.with(active, done)
      })
    },
    { name: '@sallyport/tracing', fastify: '5.x' }
  )
}

/** The span of a request as OpenTelemetry keeps it; `null` for a request without one. */
export function traceContextOf(request: FastifyRequest): Context | null {
  if (!request.server.hasRequestDecorator('opentelemetry')) return null
  // Its type says that it always exists, but it is absent before the first hook and on routes that opt out.
  const active: Context | null | undefined = request.opentelemetry().context
  return active ?? null
}

function spanContextOf(request: FastifyRequest): { traceId: string } | null {
  const active = traceContextOf(request)
  return active === null ? null : (trace.getSpanContext(active) ?? null)
}

function pathWithoutQuery(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
