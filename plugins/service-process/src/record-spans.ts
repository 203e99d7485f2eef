import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, propagation, trace } from '@opentelemetry/api'
import { NodeTracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { effectiveRoute, headHook } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import { followCalls } from './call-spans.ts'
import { dropTraceHeaders } from './drop-trace-headers.ts'
import { traceContextOf } from './trace-context.ts'
import { TRACER_NAME } from './tracing-contract.ts'
import type { TrustsAddress } from './trusted-proxies.ts'

const LONGEST_ATTRIBUTE = 2048
const MOST_EVENTS = 16

/** What a process records. */
export interface RecordedSpans {
  readonly serviceName: string
  readonly spanProcessors: readonly SpanProcessor[]
  readonly acceptIncoming: boolean
  readonly trustsPeer?: TrustsAddress | undefined
  readonly sampler?: Sampler | undefined
}

/**
 * Registers OpenTelemetry's tracer for this process, and opens a span for each request of the app. Loaded where spans
 * are recorded and nowhere else: these packages are 270 modules.
 * @returns sends what is left to the processors and removes the tracer
 */
export async function recordSpans(
  fastify: FastifyInstance,
  { serviceName, spanProcessors, acceptIncoming, trustsPeer, sampler }: RecordedSpans
): Promise<() => Promise<void>> {
  const provider = new NodeTracerProvider({
    spanProcessors: [...spanProcessors],
    spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE, eventCountLimit: MOST_EVENTS },
    ...defined({ sampler })
  })
  provider.register()
  const ignoreCalls = followCalls(provider.getTracer(TRACER_NAME))
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    requestHook: (span, request) => {
      span.updateName(`${request.method} ${effectiveRoute(request).url}`.trim())
      span.setAttributes({ 'url.path': pathWithoutQuery(request.url), 'service.name': serviceName })
    }
  })
  const drop = dropTraceHeaders(acceptIncoming, trustsPeer)
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
  return async () => {
    ignoreCalls()
    instrumentation.disable()
    await provider.shutdown()
    for (const api of [trace, context, propagation]) api.disable()
  }
}

function pathWithoutQuery(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
