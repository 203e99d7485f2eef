import type { FastifyRequest } from 'fastify'
import { effectiveRoute } from './effective-route.ts'
import { errorCode } from './mechanics/failures.ts'
import { securityEventsOf, type SecurityEvent } from './events.ts'

/**
 * Logs what is answered with an error, in one line. Below 500 that is what somebody asks about a refusal: who, where,
 * by which rule and why, at `info` and without a stack, since nothing of ours is broken. From 500 on the error with its
 * stack and cause, at `error`.
 * @param error as it was thrown
 * @param status of the answer
 * @param reason stable identifier; default: that of the last security event of this request, else the error's message
 */
export function logRefusal(request: FastifyRequest, error: Error, status: number, reason?: string): void {
  if (status >= 500) {
    request.log.error(
      { err: error, ...whoAndWhere(request, lastOf(request, 'failure')), ...(reason !== undefined && { reason }) },
      'request failed'
    )
    return
  }
  const event = lastOf(request, 'denied')
  const code = errorCode(error)
  request.log.info(
    {
      status,
      ...(code !== null && { code }),
      ...whoAndWhere(request, event),
      rule: event?.detail?.rule ?? null,
      reason: reason ?? event?.reason ?? error.message,
      ...(error.cause instanceof Error && { cause: error.cause.message })
    },
    'request refused'
  )
}

/** Without a principal, whom the stage that refused was about; never the name that was typed. */
function whoAndWhere(request: FastifyRequest, event: SecurityEvent | undefined): Record<string, string | null> {
  // A bare app may have no security context: then nobody is known.
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  return {
    subject: principal?.subject ?? event?.subject ?? null,
    clientId: principal?.clientId ?? event?.clientId ?? null,
    route: `${request.method} ${effectiveRoute(request).url || 'unknown'}`
  }
}

type Refused = Exclude<SecurityEvent['outcome'], 'success'>

function lastOf(request: FastifyRequest, wanted: Refused): SecurityEvent | undefined {
  return securityEventsOf(request).findLast(({ outcome }) => outcome === wanted)
}
