import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { forwardFailure } from './upstream-failure.ts'

/** Whose failure an error is, for calls of services; all other errors are defects of ours. */
const audiences = new WeakMap<object, string>()

/** Headers of the payload, which an error replaces. */
const PAYLOAD_HEADERS = [
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'etag',
  'last-modified'
] as const

/** Notes whose failure an error is. */
export function ofService<Failure>(error: Failure, audience: string): Failure {
  if (typeof error === 'object' && error !== null) audiences.set(error, audience)
  return error
}

/**
 * The error to answer for a failed call of a service; other errors pass unchanged. Records the event, and removes the
 * headers of a payload that will not come.
 */
export function answerableFailure(request: FastifyRequest, reply: FastifyReply, error: unknown): unknown {
  const audience = typeof error === 'object' && error !== null ? audiences.get(error) : undefined
  if (audience === undefined) return error
  const failure = forwardFailure(error, audience)
  if (failure.event !== null) recordSecurityEvent(request, failure.event)
  for (const name of PAYLOAD_HEADERS) void reply.removeHeader(name)
  // The rest of the body was not read, so the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  return failure.error
}

/**
 * Records the failure of an answer whose head has left: the error handler does not see it.
 * @returns false for a client that left, which is not an event
 */
export function recordLateFailure(request: FastifyRequest, audience: string, error: unknown): boolean {
  const { event } = forwardFailure(error, audience)
  if (event !== null) recordSecurityEvent(request, event)
  return event !== null
}
