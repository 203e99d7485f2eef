import '@sallyport/security-context/require-node'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { recordSecurityEvent } from '@sallyport/security-context'
import { DuplicateHeaderError, TooManyHeadersError } from './errors.ts'
import { duplicateHeader } from './header-hygiene.ts'
import { readSecureTransportOptions, type SecureTransportOptions } from './options.ts'

export { loadTlsMaterial, serverTls, type TlsMaterial, type TlsMaterialPaths } from './tls-material.ts'
export type { PeerAgentOptions, SecureTransportOptions } from './options.ts'
export { createPeerAgent, PeerAgent } from './peer-agent.ts'
export { serverLimits, serverOptions, type ServerLimits } from './server-limits.ts'
export { isLoopback } from '@sallyport/security-context/mechanics'
export { refuseInsecureRuntime } from './runtime.ts'
export * as errors from './errors.ts'

/**
 * Request hygiene, before anything is decided: a request with two Authorization, Host, Content-Type, Content-Length,
 * Transfer-Encoding or Cookie headers is refused with 400, one with too many header lines with 431, and each refusal is
 * a security event of stage `hygiene`. Responses over TLS carry Strict-Transport-Security.
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
    const { rawHeaders } = request.raw
    if (rawHeaders.length > maxRawLength) {
      recordSecurityEvent(request, {
        stage: 'hygiene',
        outcome: 'denied',
        reason: 'too-many-headers',
        detail: { count: rawHeaders.length / 2 }
      })
      next(new TooManyHeadersError())
      return
    }
    const header = duplicateHeader(rawHeaders)
    if (header === null) {
      next()
      return
    }
    recordSecurityEvent(request, {
      stage: 'hygiene',
      outcome: 'denied',
      reason: 'duplicate-header',
      detail: { header }
    })
    next(new DuplicateHeaderError())
  })
}

export default fastifyPlugin(secureTransport, {
  name: '@sallyport/secure-transport',
  fastify: '5.x',
  decorators: { request: ['securityEvents'] }
})
