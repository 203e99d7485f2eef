import { effectiveRoute } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

/** What helmet answers by default, without HSTS, which depends on the listener: see `@sallyport/secure-transport`. */
export const GATEWAY_ANSWER_FIELDS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy':
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';" +
    "img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';" +
    "style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0'
})

/** For answers of services, which are data: nothing in them may run or be framed unless the service says otherwise. */
export const FORWARDED_ANSWER_FIELDS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
})

/**
 * Puts constant security fields on every answer: what a service or a route sets replaces them. An error on the way to a
 * service is an answer of the gateway's own.
 */
export const securityHeaders = fastifyPlugin(
  async function securityHeaders(fastify: FastifyInstance) {
    fastify.addHook('onRequest', function putSecurityFields(request, reply, done) {
      const isForwarded = request.routeOptions.config.resolveRoute !== undefined && effectiveRoute(request).found
      void reply.headers(isForwarded ? FORWARDED_ANSWER_FIELDS : GATEWAY_ANSWER_FIELDS)
      done()
    })
    fastify.addHook('onError', function putOwnFields(_request, reply, _error, done) {
      // No stage need have come so far as to say that an answer is not kept.
      void reply.headers(GATEWAY_ANSWER_FIELDS).header('cache-control', 'no-store')
      done()
    })
  },
  { name: '@sallyport/reference-gateway/security-headers', fastify: '5.x' }
)
