import { clientRequestId, effectiveRoute } from '@sallyport/security-context'
import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'
import { boundText } from './redact-text.ts'
import { requestLogOf } from './request-log.ts'

/**
 * One line for each request, when its answer is out: who asked for what, which route served it, how it ended and how
 * long that took. The ids of request, trace and transaction are in every line.
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
  return { ...requestFacts(request), status: reply.statusCode, durationMs: Math.round(reply.elapsedTime * 1000) / 1000 }
}

/** Nothing of the query but what {@link boundText} and the redaction of the finished line leave. */
function requestFacts(request: FastifyRequest): Record<string, unknown> {
  // A bare app may have no security context: then nobody is known.
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  const named = clientRequestId(request)
  return {
    method: request.method,
    url: boundText(request.url),
    route: effectiveRoute(request).url,
    remoteAddress: request.ip,
    subject: principal?.subject ?? null,
    clientId: principal?.clientId ?? null,
    ...(named !== null && { clientRequestId: named })
  }
}
