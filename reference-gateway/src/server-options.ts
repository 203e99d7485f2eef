import { randomUUID } from 'node:crypto'
import type { FastifyError, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'

/**
 * Fastify's part of the edge: ids of our own, strict validation, one way to read a path, and forwarding headers
 * believed from named proxies only.
 * @param trustedProxies addresses or CIDR blocks; never a number of hops, which any client can fake
 */
export function edgeServerOptions ({ trustedProxies }: { readonly trustedProxies: readonly string[] }): FastifyServerOptions {
  return {
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    routerOptions: { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false },
    return503OnClosing: true,
    frameworkErrors: answerUnroutable
  }
}

/** Paths that cannot be decoded never reach a hook, so they are brought to the audit trail here. */
function answerUnroutable (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  request.log.info({ err: error }, 'request refused')
  request.server.countRefusal(request, 'path-not-canonical', 400)
  const body = { type: 'about:blank', title: 'The request path is not in canonical form', status: 400, code: 'SALLYPORT_GATEWAY_PATH_NOT_CANONICAL' }
  void reply.code(400).type('application/problem+json').send(body)
}
