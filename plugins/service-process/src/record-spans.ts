import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, isSpanContextValid, propagation, trace, type Span } from '@opentelemetry/api'
import { NodeTracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { headHook } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyRequest, onSendHookHandler } from 'fastify'
import { followCalls } from './call-spans.ts'
import { dropTraceHeaders } from './drop-trace-headers.ts'
import { pathWithoutQuery, serverErrorType, serverSpanAttributes, serverSpanName } from './server-spans.ts'
import { traceContextOf } from './trace-context.ts'
import { contextOfTraceparent, isSampled } from './traceparent.ts'
import { TRACER_NAME } from './tracing-contract.ts'
import type { TrustsAddress } from './trusted-proxies.ts'

const LONGEST_ATTRIBUTE = 2048
const MOST_EVENTS = 16
const FOREIGN_TRACE = Symbol('sallyport.service-process.foreignTrace')

declare module 'fastify' {
  interface FastifyRequest {
    /** The `traceparent` of a caller whose trace is not continued. */
    [FOREIGN_TRACE]?: unknown
  }
}

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
      span.updateName(serverSpanName(request))
      // What began with the query must not leave with it, however the request ends.
      if (request.url.includes('?')) span.setAttribute('url.path', pathWithoutQuery(request.url))
      linkForeignTrace(span, request)
    }
  })
  const drop = dropTraceHeaders(acceptIncoming, trustsPeer)
  fastify.addHook('onRequest', function dropForeignTrace(request, _reply, done) {
    const foreign = drop(request)
    if (foreign !== undefined) request[FOREIGN_TRACE] = foreign
    done()
  })
  await fastify.register(instrumentation.plugin())
  fastify.addHook('onError', function nameFailure(request, _reply, error, done) {
    const active = traceContextOf(request)
    const type = serverErrorType(error)
    if (active !== null && type !== null) trace.getSpan(active)?.setAttribute('error.type', type)
    done()
  })
  // At the end: of a trace that is not exported only failures are looked at.
  const describeSpan = headHook(function describeSpan(request, reply, payload, done) {
    const active = traceContextOf(request)
    const span = active === null ? undefined : trace.getSpan(active)
    if (span !== undefined && (isSampled(span) || reply.statusCode >= 500)) {
      span.setAttributes({ ...serverSpanAttributes(request), 'service.name': serviceName })
    }
    done(null, payload)
  } satisfies onSendHookHandler)
  fastify.addHook('onSend', describeSpan)
  fastify.addHook('onRequestAbort', function endWithItsClient(request, done) {
    const active = traceContextOf(request)
    const span = active === null ? undefined : trace.getSpan(active)
    span?.setAttributes({ ...serverSpanAttributes(request), 'service.name': serviceName, 'error.type': 'aborted' })
    span?.end()
    done()
  })
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

/** Whoever traces both sides finds the trace of the caller; it decides nothing here. */
function linkForeignTrace(span: Span, request: FastifyRequest): void {
  const foreign = request[FOREIGN_TRACE]
  if (foreign === undefined) return
  const caller = contextOfTraceparent(foreign)
  const linked = caller === null ? undefined : trace.getSpanContext(caller)
  if (linked !== undefined && isSpanContextValid(linked)) span.addLink({ context: linked })
}
