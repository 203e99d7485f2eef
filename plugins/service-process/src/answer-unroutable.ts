import { bareAnswerFields } from '@sallyport/secure-transport'
import { errors, logRefusal, REQUEST_ID_HEADER, type ProblemDetails } from '@sallyport/security-context'
import type { FastifyError, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'

/** What the caller of a path without a route is told, and what the trail records. */
export interface UnroutablePath {
  readonly code: string
  readonly title: string
  readonly reason: string
  /** Whether clients use TLS that a proxy ends. */
  readonly tlsEndsInFront?: boolean
}

const { code, message: title } = new errors.InvalidRequestError()

/** What is said where an app says nothing else. */
export const UNDECODABLE_PATH: UnroutablePath = { code, title, reason: 'path-undecodable' }

/**
 * Answers what Fastify refuses before any hook, such as a path that cannot be decoded, for `frameworkErrors`: Problem
 * Details with security fields, one line in the log, and a count in the audit trail where the app has one.
 */
export function answerUnroutable({
  code,
  title,
  reason,
  tlsEndsInFront = false
}: UnroutablePath = UNDECODABLE_PATH): NonNullable<FastifyServerOptions['frameworkErrors']> {
  return function answerUnroutablePath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    const status = 400
    logRefusal(request, error, status, reason)
    const { server } = request
    // The audit log owns this decorator, and an app need not have one.
    if ('countRefusal' in server && typeof server.countRefusal === 'function') {
      server.countRefusal(request, reason, status)
    }
    const body: ProblemDetails = { type: 'about:blank', title, status, code, requestId: request.id }
    void reply.headers(bareAnswerFields(tlsEndsInFront || 'encrypted' in request.raw.socket))
    void reply.header(REQUEST_ID_HEADER, request.id)
    void reply.code(status).type('application/problem+json').send(body)
  }
}
