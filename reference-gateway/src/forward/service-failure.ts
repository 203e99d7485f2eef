import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { forwardFailure } from './upstream-failure.ts'

/** Whose failure an error is, for errors of calls of services: all others are defects of ours. */
const audiences = new WeakMap<object, string>()

/** Describes the answer's payload, which an error replaces. */
const PAYLOAD_HEADERS = [
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'etag',
  'last-modified'
] as const

/** Remembers whose failure an error is. */
export function ofService<Failure>(error: Failure, audience: string): Failure {
  if (typeof error === 'object' && error !== null) audiences.set(error, audience)
  return error
}

/**
 * The error to answer in place of a failed call of a service; others stay as they are. Records the event, and takes
 * back what the service said of a payload that will not come.
 */
export function failed(request: FastifyRequest, reply: FastifyReply, error: unknown): unknown {
  const audience = typeof error === 'object' && error !== null ? audiences.get(error) : undefined
  if (audience === undefined) return error
  const failure = forwardFailure(error, audience)
  if (failure.event !== null) recordSecurityEvent(request, failure.event)
  for (const name of PAYLOAD_HEADERS) void reply.removeHeader(name)
  // What is left of the body was not read: the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  return failure.error
}
