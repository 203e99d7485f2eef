import { randomSpanId, traceIdOf } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { dropTraceHeaders } from './drop-trace-headers.ts'
import { requestLogOf } from './request-log.ts'
import type { Tracing } from './tracing-contract.ts'
import type { TrustsAddress } from './trusted-proxies.ts'

/** Where a request is in its trace. */
interface PlaceInTrace {
  readonly traceId: string
  /** The parent of whatever is called under the request. */
  readonly spanId: string
  /** `01`: recorded by whoever began the trace. */
  readonly flags: string
  readonly state: string | null
}

const PLACE = Symbol('sallyport.service-process.placeInTrace')
const FLAGS_AT = '00-'.length + 32 + '-'.length + 16 + '-'.length

declare module 'fastify' {
  interface FastifyRequest {
    [PLACE]?: PlaceInTrace | null
  }
}

/**
 * Tracing where nobody records spans: ids are made and passed on by the request alone, without an asynchronous context
 * that follows its code, and without a span that nobody would see.
 * @see W3C Trace Context
 */
export function passTracesOn(acceptIncoming: boolean, trustsPeer?: TrustsAddress): Tracing {
  return {
    plugin: fastifyPlugin(
      async function passTraces(fastify: FastifyInstance) {
        fastify.decorateRequest(PLACE, null)
        const drop = dropTraceHeaders(acceptIncoming, trustsPeer)
        fastify.addHook('onRequest', function beginTrace(request, _reply, done) {
          drop(request)
          requestLogOf(request)?.follow(request, traceFields)
          done()
        })
      },
      { name: '@sallyport/tracing', fastify: '5.x' }
    ),
    traceId: request => placeInTrace(request)?.traceId ?? traceIdOf(null),
    traceIds: () => ({}),
    outgoingHeaders: request => (request === undefined ? {} : outgoingTrace(placeInTrace(request))),
    close: async () => {}
  }
}

/** `trace_id` and `span_id` of a request, as its lines of the log have them; empty where another tracer says them. */
export function traceFields(request: FastifyRequest): Readonly<Record<string, string>> {
  const place = placeInTrace(request)
  return place === null ? {} : { trace_id: place.traceId, span_id: place.spanId }
}

function placeInTrace(request: FastifyRequest): PlaceInTrace | null {
  const known = request[PLACE]
  if (known !== null) return known ?? null
  const { traceparent, tracestate } = request.headers
  const traceId = traceIdOf(traceparent)
  // An id of the header is that of the header only when all of it was well-formed.
  const isContinued = typeof traceparent === 'string' && traceparent.startsWith(`00-${traceId}-`)
  const place = {
    traceId,
    spanId: randomSpanId(),
    flags: isContinued ? traceparent.slice(FLAGS_AT) : '01',
    state: isContinued && typeof tracestate === 'string' ? tracestate : null
  }
  request[PLACE] = place
  return place
}

function outgoingTrace(place: PlaceInTrace | null): Record<string, string> {
  if (place === null) return {}
  const { traceId, spanId, flags, state } = place
  const traceparent = `00-${traceId}-${spanId}-${flags}`
  return state === null ? { traceparent } : { traceparent, tracestate: state }
}
