import { recordSecurityEvent } from '@sallyport/security-context'
import { canonicalHosts, namesOfLoopbackListener } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import { ForeignHostError } from '../errors.ts'

/** What the settings say of the hosts under which the server is reached. */
export interface HostSettings {
  readonly issuer: string
  readonly mtlsOrigin?: string
  readonly allowedHosts: readonly string[]
  readonly host: string
}

/**
 * Refuses requests for hosts that are not this server's with 421, on every path: it answers for the host of the issuer,
 * that of the listener for certificates, those of the settings, and loopback names where it listens on loopback.
 * @see RFC 9110 §7.4
 */
export function serveOwnHosts(fastify: FastifyInstance, settings: HostSettings): void {
  const { issuer, mtlsOrigin, allowedHosts, host } = settings
  const { hostname, host: issuerHost, protocol } = new URL(issuer)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const named = mtlsOrigin === undefined ? [] : [new URL(mtlsOrigin).host]
  const own = canonicalHosts([issuerHost, ...named, ...allowedHosts, ...namesOfLoopbackListener(host)], host)
  // The listener for certificates is at the name of the issuer, with a port of its own.
  const byPort = canonicalHosts([hostname], host)
  fastify.addHook('onRequest', function refuseForeignHost(request, reply, done) {
    const { localPort } = request.raw.socket
    if (own(request.host, scheme, localPort) !== null || byPort(request.host, scheme, localPort) !== null) return done()
    recordSecurityEvent(request, { stage: 'hygiene', outcome: 'denied', reason: 'host-refused' })
    const { code, message: title, statusCode: status } = new ForeignHostError()
    // Not by the error handlers: pages and OAuth endpoints answer in shapes of their own, and this is before both.
    void reply
      .code(status ?? 421)
      .type('application/problem+json')
      .header('cache-control', 'no-store')
      .send({ type: 'about:blank', title, status, code, requestId: request.id })
  })
}
