import type { FastifyPluginAsync, FastifyRequest } from 'fastify'

/** Who makes the spans of calls and of statements, as a collector shows it. */
export const TRACER_NAME = '@sallyport/service-process'

/** A running tracer; one per process. */
export interface Tracing {
  /** Opens a span for each request. Register it before everything else. */
  readonly plugin: FastifyPluginAsync
  /** Trace id of a request, 32 hexadecimal digits; random for a request without a span. */
  traceId: (request: FastifyRequest) => string
  /**
   * Trace id of a request whose trace is recorded, `null` for any other: only such a trace can be looked up. Left out
   * where nothing is recorded.
   */
  readonly recordedTraceId?: (request: FastifyRequest) => string | null
  /**
   * `trace_id` and `span_id` of the running code, for log lines; empty outside a request, and without a processor,
   * where only the lines of `request.log` have them.
   */
  traceIds: () => Readonly<Record<string, string>>
  /**
   * Headers that carry the trace to a peer, for a call on behalf of this request; without one, of the running code,
   * which only a tracer with a processor knows.
   */
  outgoingHeaders: (request?: FastifyRequest) => Record<string, string>
  /** Sends what is left to the processors and removes the global tracer. */
  close: () => Promise<void>
}
