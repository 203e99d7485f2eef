import { randomTraceId } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { dropTraceHeaders } from './drop-trace-headers.ts'
import { keepPlaces, outgoingTrace, placeInTrace, traceFields, traceIdFields } from './place-in-trace.ts'
import { requestLogOf } from './request-log.ts'
import type { SpanRecorder } from './span-recorder.ts'
import type { Tracing } from './tracing-contract.ts'
import type { TrustsAddress } from './trusted-proxies.ts'

/** Whose traces are continued. */
export interface TracePolicy {
  readonly acceptIncoming: boolean
  readonly trustsPeer?: TrustsAddress | undefined
}

/**
 * Tracing where nobody records spans: ids are made and passed on by the request alone, without an asynchronous context
 * that follows its code, and without a span that nobody would see.
 * @see W3C Trace Context
 */
export function passTracesOn({ acceptIncoming, trustsPeer }: TracePolicy): Tracing {
  const drop = dropTraceHeaders(acceptIncoming, trustsPeer)
  return {
    plugin: fastifyPlugin(
      async function passTraces(fastify: FastifyInstance) {
        keepPlaces(fastify)
        fastify.addHook('onRequest', function beginTrace(request, _reply, done) {
          drop(request)
          requestLogOf(request)?.follow(request, traceFields)
          done()
        })
      },
      { name: '@sallyport/tracing', fastify: '5.x' }
    ),
    traceId: request => placeInTrace(request)?.traceId ?? randomTraceId(),
    traceIds: () => ({}),
    outgoingHeaders: request => (request === undefined ? {} : outgoingTrace(placeInTrace(request))),
    close: async () => {}
  }
}

/** How spans are recorded. */
export interface Recording {
  readonly serviceName: string
  readonly recorder: SpanRecorder
  /** Loads what the sinks of the recorder need, before the first span. */
  readonly prepare?: () => Promise<void>
}

/** The same where spans are recorded: the code of a request is followed, and its span is kept when it ends. */
export function recordTraces(
  { acceptIncoming, trustsPeer }: TracePolicy,
  { serviceName, recorder, prepare }: Recording
): Tracing {
  const drop = dropTraceHeaders(acceptIncoming, trustsPeer)
  let end = async (): Promise<void> => {
    await recorder.close()
  }
  return {
    plugin: fastifyPlugin(
      async function recordTraceOfRequests(fastify: FastifyInstance) {
        keepPlaces(fastify)
        await prepare?.()
        // Only here is OpenTelemetry's API loaded.
        const { recordSpans } = await import('./record-spans.ts')
        end = recordSpans(fastify, { serviceName, recorder, drop })
      },
      { name: '@sallyport/tracing', fastify: '5.x' }
    ),
    traceId: request => placeInTrace(request)?.traceId ?? randomTraceId(),
    recordedTraceId: request => {
      const place = placeInTrace(request)
      return place?.isSampled === true ? place.traceId : null
    },
    traceIds: () => {
      const place = recorder.active()
      return place === null ? {} : traceIdFields(place)
    },
    outgoingHeaders: request =>
      outgoingTrace((request === undefined ? null : placeInTrace(request)) ?? recorder.active()),
    close: async () => {
      await end()
    }
  }
}
