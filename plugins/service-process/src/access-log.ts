import { clientRequestId, effectiveRoute, securityEventsOf, spentTimesOf } from '@sallyport/security-context'
import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'
import { boundText } from './redact-text.ts'
import { requestLogOf } from './request-log.ts'
import { traceFields } from './place-in-trace.ts'

/**
 * One line for each request, when its answer is out: who asked for what, which route served it, how it ended and how
 * long that took, with what it waited for. The ids of request, trace and transaction are in every line.
 */
export class AccessLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    if (this.isLogDisabled(request)) return
    const level = error === null || error === undefined ? 'info' : 'error'
    const log = requestLogOf(request)
    if (log !== null && !log.isLevelEnabled(level)) return
    const line =
      error === null || error === undefined ? accessLine(request, reply) : { err: error, ...accessLine(request, reply) }
    const message = level === 'info' ? 'request completed' : 'request errored'
    if (log === null) request.log[level](line, message)
    else log.writeLine(level, line, message)
  }
}

/** Writes the line of a request whose client left before its answer was complete. */
export function logAborted(request: FastifyRequest): void {
  request.log.info(requestFacts(request), 'request aborted')
}

function accessLine(request: FastifyRequest, reply: FastifyReply): Readonly<Record<string, unknown>> {
  return {
    ...requestFacts(request),
    ...decisionOf(request, reply.statusCode),
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
    ...spentTimesOf(request)
  }
}

/**
 * What the stages decided: the last that refused or failed is why the answer is one. A request can go on after a
 * failure, as a session whose token could not be renewed ahead of time.
 */
function decisionOf(request: FastifyRequest, status: number): Record<string, string> {
  const event = status < 400 ? undefined : securityEventsOf(request).findLast(({ outcome }) => outcome !== 'success')
  if (event === undefined) return { decision: 'allowed' }
  return { decision: event.outcome, decidedBy: event.stage, reason: event.reason }
}

/** Nothing of the query but what {@link boundText} and the redaction of the finished line leave. */
function requestFacts(request: FastifyRequest): Record<string, unknown> {
  // A bare app may have no security context: then nobody is known.
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  const named = clientRequestId(request)
  return {
    ...traceFields(request),
    method: request.method,
    url: boundText(request.url),
    route: effectiveRoute(request).url,
    // The log makes of it what may be logged.
    remoteAddress: request.ip,
    subject: principal?.subject ?? null,
    clientId: principal?.clientId ?? null,
    ...(named !== null && { clientRequestId: named })
  }
}
