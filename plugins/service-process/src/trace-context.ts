import { trace, type Context, type SpanContext } from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'

/** The span of a request as OpenTelemetry keeps it; `null` for a request without one. */
export function traceContextOf(request: FastifyRequest): Context | null {
  if (!request.server.hasRequestDecorator('opentelemetry')) return null
  // Its type says that it always exists, but it is absent before the first hook and on routes that opt out.
  const active: Context | null | undefined = request.opentelemetry().context
  return active ?? null
}

/** Ids of that span; `null` for a request without one. */
export function spanContextOf(request: FastifyRequest): SpanContext | null {
  const active = traceContextOf(request)
  return active === null ? null : (trace.getSpanContext(active) ?? null)
}
