import { recordSecurityEvent } from '@sallyport/security-context'
import rateLimit from '@fastify/rate-limit'
import { sourceOf } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { LoginThrottledError } from './errors.ts'

/** How often one source may try to log in. */
export interface LoginThrottleOptions {
  /** Asked at each attempt. */
  readonly perMinute: () => number
}

/**
 * Limits `POST /login` per source (an IPv4 address, or an IPv6 /64), before the password is checked. The address is
 * that of the connection, or comes from a trusted proxy. The authorization server limits per account, over all
 * gateways.
 */
async function loginThrottle(fastify: FastifyInstance, { perMinute }: LoginThrottleOptions): Promise<void> {
  fastify.addHook('onRoute', function limitLogin(route: RouteOptions) {
    if (route.url !== '/login' || ![route.method].flat().includes('POST')) return
    route.config = { ...route.config, rateLimit: { max: () => perMinute(), timeWindow: 60_000 } }
  })
  await fastify.register(rateLimit, {
    global: false,
    keyGenerator: (request: FastifyRequest) => sourceOf(request.ip),
    // The headers would tell an attacker how many attempts are left; a client only needs Retry-After.
    addHeaders: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
      'retry-after': true
    },
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    onExceeded: (request: FastifyRequest) => {
      recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'login-throttled' })
    },
    errorResponseBuilder: () => new LoginThrottledError()
  })
}

export default fastifyPlugin(loginThrottle, {
  name: '@sallyport/reference-gateway/login-throttle',
  fastify: '5.x',
  decorators: { request: ['securityEvents'] }
})
