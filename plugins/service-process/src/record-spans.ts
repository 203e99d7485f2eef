import type { FastifyInstance, FastifyRequest } from 'fastify'
import { followCalls } from './call-spans.ts'
import type { DropTraceHeaders } from './drop-trace-headers.ts'
import { bridgeOpenTelemetry } from './opentelemetry-bridge.ts'
import { beginPlace, placeInTrace, readTraceparent, traceFields } from './place-in-trace.ts'
import { requestLogOf } from './request-log.ts'
import { createServerSpans, serverErrorType } from './server-spans.ts'
import type { SpanRecorder } from './span-recorder.ts'

/** What the spans of requests are recorded with. */
export interface RequestSpans {
  readonly serviceName: string
  readonly recorder: SpanRecorder
  readonly drop: DropTraceHeaders
}

/**
 * Records a span of each request of the app, of each call and of what the app's own code records by OpenTelemetry's API
 * under it. Nothing is made of a request before it ends: of one whose trace is not exported nothing at all, unless it
 * failed.
 * @returns sends what is left and ends the recording
 */
export function recordSpans(
  fastify: FastifyInstance,
  { serviceName, recorder, drop }: RequestSpans
): () => Promise<void> {
  const spans = createServerSpans(serviceName)
  const ignoreCalls = followCalls(recorder)
  const removeBridge = bridgeOpenTelemetry(recorder)
  fastify.addHook('onRequest', function beginTrace(request, _reply, done) {
    const foreign = drop(request)
    const place = beginPlace(request, recorder.sample)
    // Whoever traces both sides finds the trace of the caller; it decides nothing here.
    if (foreign !== undefined) place.link = readTraceparent(foreign)
    requestLogOf(request)?.follow(request, traceFields)
    recorder.run(place, done)
  })
  fastify.addHook('onError', function nameFailure(request, _reply, error, done) {
    const place = placeInTrace(request)
    if (place !== null) place.errorType = serverErrorType(error) ?? place.errorType
    done()
  })
  fastify.addHook('onResponse', function recordAnswered(request, reply, done) {
    const place = openPlace(request)
    if (place !== null && (place.isSampled || reply.statusCode >= 500)) {
      recorder.record(spans.answered(request, place, reply.statusCode))
    }
    done()
  })
  fastify.addHook('onRequestAbort', function recordAborted(request, done) {
    const place = openPlace(request)
    if (place?.isSampled === true) recorder.record(spans.aborted(request, place))
    done()
  })
  return async () => {
    ignoreCalls()
    removeBridge()
    await recorder.close()
  }
}

/** The place of a request whose span has not ended, and ends now. */
function openPlace(request: FastifyRequest) {
  const place = placeInTrace(request)
  if (place === null || place.isEnded) return null
  place.isEnded = true
  return place
}
