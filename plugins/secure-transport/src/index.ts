import '@sallyport/security-context/require-node'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { recordSecurityEvent } from '@sallyport/security-context'
import { readSecureTransportOptions, type SecureTransportOptions } from './options.ts'
import { refusalOfHead } from './refusal-of-head.ts'

export { loadTlsMaterial, serverTls, type TlsMaterial, type TlsMaterialPaths } from './tls-material.ts'
export type { PeerAgentOptions, SecureTransportOptions } from './options.ts'
export { createPeerAgent, PeerAgent } from './peer-agent.ts'
export { publicAuthorities } from './public-authorities.ts'
export { breakOff } from './refusal-of-head.ts'
export { bareAnswerFields } from './bare-answer-fields.ts'
export { serverLimits, serverOptions, type ServerLimits } from './server-limits.ts'
export { isLoopback } from '@sallyport/security-context/mechanics'
export { refuseInsecureRuntime } from './runtime.ts'
export * as errors from './errors.ts'

/**
 * Request hygiene, before anything is decided: a request with two Authorization, Host, Content-Type, Content-Length,
 * Transfer-Encoding or Cookie headers is refused with 400, and so is one of HTTP/1.1 without a Host or with a transfer
 * coding that is not `chunked` alone; one with too many header lines with 431, and one that expects something other
 * than 100-continue with 417. Each refusal is a security event of stage `hygiene`. Responses over TLS carry
 * Strict-Transport-Security.
 * @throws {TransportOptionsError} `SALLYPORT_TRANSPORT_OPTIONS_INVALID`, naming every mistake
 * @see RFC 6797 §7.2
 */
async function secureTransport(fastify: FastifyInstance, given: SecureTransportOptions): Promise<void> {
  const { maxHeaderCount, hstsMaxAgeSeconds, tlsEndsInFront } = readSecureTransportOptions(given)
  const maxRawLength = maxHeaderCount * 2
  const hsts = hstsMaxAgeSeconds > 0 ? `max-age=${hstsMaxAgeSeconds}` : null

  fastify.addHook('onRequest', function refuseAmbiguousHeaders(request: FastifyRequest, reply: FastifyReply, next) {
    // The socket or the option, not request.protocol: a forwarded header can claim https.
    if (hsts !== null && (tlsEndsInFront || 'encrypted' in request.raw.socket)) {
      reply.header('strict-transport-security', hsts)
    }
    const refusal = refusalOfHead(request.raw, maxRawLength)
    if (refusal === null) return next()
    const { error, ...event } = refusal
    recordSecurityEvent(request, { stage: 'hygiene', outcome: 'denied', ...event })
    next(error)
  })
  hearExpectations(fastify)
}

/** Node answers an unknown expectation itself, without a word, unless somebody listens: here it is refused as above. */
function hearExpectations({ server }: FastifyInstance): void {
  if (server.listenerCount('checkExpectation') > 0) return
  server.on('checkExpectation', (request, response) => {
    server.emit('request', request, response)
  })
}

export default fastifyPlugin(secureTransport, {
  name: '@sallyport/secure-transport',
  fastify: '5.x',
  decorators: { request: ['securityEvents'] }
})
