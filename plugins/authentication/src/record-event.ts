import type { SecurityEvent } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'

/** Appends a security event; an app that uses this plugin alone may have no such slot. */
export function recordEvent(request: FastifyRequest, event: SecurityEvent): void {
  if (Array.isArray(request.securityEvents)) request.securityEvents.push(event)
}
