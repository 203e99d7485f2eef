import '@sallyport/security-context/require-node'
import { recordSecurityEvent } from '@sallyport/security-context'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { ForwardedBodyTooLargeError } from './errors.ts'
import { SERVED_METHODS } from './served-methods.ts'
import { limitBody } from './body-limit.ts'
import { type AnswerLimits, boundCall } from './bound-call.ts'
import { lingeringPayload } from './linger.ts'
import type { ForwardOptions } from './options.ts'
import { type HeaderRewrite, passAnswer } from './pass-answer.ts'
import { sendRequest } from './send-request.ts'
import { answerableFailure } from './service-failure.ts'
import type { ForwardRoute } from './forward-route.ts'

export { refusedNames } from './forwarded-headers.ts'
export type { ForwardRoute } from './forward-route.ts'
export type { EndOfAccess, OpenAnswer, OpenAnswers } from './open-answers.ts'
export type { EdgeAddress, ForwardOptions } from './options.ts'
export { SERVED_METHODS } from './served-methods.ts'
export { tryAgain } from './upstream-failure.ts'
export * as errors from './errors.ts'

/** How long a connection with an unread body is kept for the answer to arrive, in ms. */
const LINGER_MS = 5_000

/**
 * The routes to the services. Each request carries a token of its own for the one service it goes to; the caller's
 * credentials stay here. Needs authentication and token exchange before it.
 */
export async function forwardRoutes(fastify: FastifyInstance, options: ForwardOptions): Promise<void> {
  // Bodies pass unchanged: parsed and serialised again they could mean something else to the service.
  fastify.removeAllContentTypeParsers()
  fastify.addHook('onSend', function letTheBodyArrive(request, reply, payload, done) {
    const limits = { maxBytes: options.maxBodyBytes, maxMs: LINGER_MS }
    done(null, lingeringPayload(request, reply, payload, limits) ?? payload)
  })
  // An answer that fails before any of it has left gets its name here, because Fastify already had it.
  fastify.setErrorHandler(function nameFailure(error, request, reply) {
    throw answerableFailure(request, reply, error)
  })
  for (const route of options.routes) await fastify.register(forwardRoute, { route, options })
}

/** One prefix: everything under it goes to one service. */
async function forwardRoute(
  fastify: FastifyInstance,
  { route, options }: { route: ForwardRoute; options: ForwardOptions }
): Promise<void> {
  const maxBodyBytes = Math.min(options.maxBodyBytes, route.maxBodyBytes ?? Number.POSITIVE_INFINITY)
  fastify.addContentTypeParser('*', function passBody(_request, payload, done) {
    done(null, limitBody(payload, maxBodyBytes))
  })
  fastify.addHook('preParsing', function refuseDeclaredLength(request, reply, _payload, done) {
    if (Number(request.headers['content-length'] ?? 0) <= maxBodyBytes) return done()
    recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason: 'body-too-large' })
    void reply.header('connection', 'close')
    done(new ForwardedBodyTooLargeError())
  })
  const forward = forwarder(route, options)
  await fastify.register(httpProxy, {
    prefix: route.prefix,
    rewritePrefix: route.rewritePrefix,
    upstream: route.origin,
    undici: asProxyClient(options.dispatcher),
    httpMethods: [...SERVED_METHODS],
    proxyPayloads: false,
    // The service records the effect in its own trail; refusals at the edge are recorded here.
    config: { access: 'authenticated', audit: 'none' },
    handler: async (request, reply, destination, proxied) =>
      await forward(request, reply, destination, proxied.rewriteHeaders)
  })
}

/**
 * Nothing is sent this way, but a client that reply-from makes itself would verify no certificate. It declares the
 * types of another major version of undici; it calls `request(options, callback)`, which is the same in both.
 */
function asProxyClient(dispatcher: Dispatcher): NonNullable<FastifyHttpProxyOptions['undici']> {
  return dispatcher as unknown as NonNullable<FastifyHttpProxyOptions['undici']>
}

type Forward = (
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  rewriteLocation: HeaderRewrite | undefined
) => Promise<FastifyReply>

/**
 * Makes the handler of one route. It sends the request itself, because reply-from takes no signal: its requests end
 * neither with the client nor by a limit.
 */
function forwarder(route: ForwardRoute, options: ForwardOptions): Forward {
  const { host } = new URL(route.origin)
  const limits: AnswerLimits =
    route.stream === true
      ? { headMs: options.upstreamTimeoutMs, pauseMs: options.streamPauseMs, totalMs: null }
      : { headMs: options.upstreamTimeoutMs, pauseMs: options.upstreamTimeoutMs, totalMs: options.answerTimeoutMs }

  return async function forward(request, reply, path, rewriteLocation) {
    const call = boundCall(request, reply, limits)
    const token = await request.exchangeToken(route.audience)
    const answer = await sendRequest({
      request,
      path,
      token,
      route,
      host,
      options,
      signal: call.signal,
      pauseMs: limits.pauseMs
    })
    call.headArrived()
    return passAnswer({
      request,
      reply,
      answer,
      route,
      rewriteLocation,
      openAnswers: options.openAnswers,
      auditSink: options.auditSink
    })
  }
}
