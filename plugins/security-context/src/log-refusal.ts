import type { FastifyRequest } from 'fastify'
import type { SecurityEvent } from './events.ts'

/**
 * Logs what is answered with an error, in one line. Below 500 that is what somebody asks about a refusal: who, where, by
 * which rule and why, at `info` and without a stack, since nothing of ours is broken. From 500 on the error with its stack
 * and cause, at `error`.
 * @param error as it was thrown
 * @param status of the answer
 * @param reason stable identifier; default: that of the last security event of this request, else the error's message
 */
export function logRefusal (request: FastifyRequest, error: Error, status: number, reason?: string): void {
  if (status >= 500) {
    request.log.error({ err: error, ...whoAndWhere(request), ...(reason !== undefined && { reason }) }, 'request failed')
    return
  }
  const event = lastDenial(request)
  request.log.info({
    status,
    ...(hasCode(error) && { code: error.code }),
    ...whoAndWhere(request),
    rule: event?.detail?.rule ?? null,
    reason: reason ?? event?.reason ?? error.message,
    ...(error.cause instanceof Error && { cause: error.cause.message })
  }, 'request refused')
}

function whoAndWhere (request: FastifyRequest): Record<string, string | null> {
  // A bare app may have no security context: then nobody is known.
  const { principal }: Partial<Pick<FastifyRequest, 'principal'>> = request
  const { method, routeOptions } = request
  return { subject: principal?.subject ?? null, clientId: principal?.clientId ?? null, route: `${method} ${routeOptions.url ?? 'unknown'}` }
}

function lastDenial ({ securityEvents }: { readonly securityEvents?: readonly SecurityEvent[] }): SecurityEvent | undefined {
  return securityEvents?.findLast(({ outcome }) => outcome === 'denied')
}

function hasCode (error: Error): error is Error & { readonly code: string } {
  return 'code' in error && typeof error.code === 'string'
}
