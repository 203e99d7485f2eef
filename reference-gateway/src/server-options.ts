import { logRefusal } from '@sallyport/security-context'
import type { FastifyError, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'

/** What Fastify does differently at the edge: one way to read a path, and an answer of our own for one that has none. */
export function edgeServerOptions (): FastifyServerOptions {
  return {
    routerOptions: { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false },
    // What comes in that moment is refused before Fastify, which has a fixed body for it: see the end of a process.
    return503OnClosing: false,
    frameworkErrors: answerUnroutable
  }
}

/** Paths that cannot be decoded never reach a hook, so they are brought to the audit trail here. */
function answerUnroutable (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  logRefusal(request, error, 400, 'path-not-canonical')
  request.server.countRefusal(request, 'path-not-canonical', 400)
  const body = { type: 'about:blank', title: 'The request path is not in canonical form', status: 400, code: 'SALLYPORT_GATEWAY_PATH_NOT_CANONICAL' }
  void reply.code(400).type('application/problem+json').send(body)
}
