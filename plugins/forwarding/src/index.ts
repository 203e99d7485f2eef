import '@sallyport/security-context/require-node'
import { headHooksOfRoutes, recordSecurityEvent, type SendHook } from '@sallyport/security-context'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { HeaderRewrite } from './answer-rules.ts'
import { ForwardedBodyTooLargeError } from './errors.ts'
import { SERVED_METHODS } from './served-methods.ts'
import { limitBody } from './body-limit.ts'
import { type AnswerLimits, boundCall } from './bound-call.ts'
import { type PassingNames, passingNames } from './forwarded-headers.ts'
import { createDeadlines, type Deadlines } from './lean/deadlines.ts'
import { forwardLean } from './lean/forward-lean.ts'
import { lingeringPayload, type LingerLimits } from './linger.ts'
import type { ForwardOptions } from './options.ts'
import { passAnswer } from './pass-answer.ts'
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
  const linger: LingerLimits = { maxBytes: options.maxBodyBytes, maxMs: LINGER_MS }
  function letTheBodyArrive(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: null, payload: unknown) => void
  ): void {
    done(null, lingeringPayload(request, reply, payload, linger) ?? payload)
  }
  fastify.addHook('onSend', letTheBodyArrive)
  // An answer that fails before any of it has left gets its name here, because Fastify already had it.
  fastify.setErrorHandler(function nameFailure(error, request, reply) {
    throw answerableFailure(request, reply, error)
  })
  const app: AppParts = {
    options,
    linger,
    passing: passingNames(options.additionalRequestHeaders),
    deadlines: createDeadlines(),
    byHand: [letTheBodyArrive]
  }
  for (const route of options.routes) await fastify.register(forwardRoute, { route, app })
}

/** What all routes share. */
interface AppParts {
  readonly options: ForwardOptions
  readonly linger: LingerLimits
  readonly passing: PassingNames
  readonly deadlines: Deadlines
  /** Hooks whose work the lean step does itself. */
  readonly byHand: readonly object[]
}

/** One prefix: everything under it goes to one service. */
async function forwardRoute(
  fastify: FastifyInstance,
  { route, app }: { route: ForwardRoute; app: AppParts }
): Promise<void> {
  const { options } = app
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
  const forward = forwarder(route, app, headHooksOfRoutes(fastify, app.byHand))
  await fastify.register(httpProxy, {
    prefix: route.prefix,
    rewritePrefix: route.rewritePrefix,
    upstream: route.origin,
    undici: asProxyClient(options.dispatcher),
    httpMethods: [...SERVED_METHODS],
    proxyPayloads: false,
    // The service records the effect in its own trail; refusals at the edge are recorded here.
    config: { access: 'authenticated', audit: 'none' },
    handler: (request, reply, destination, proxied) => forward(request, reply, destination, proxied.rewriteHeaders)
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
) => unknown

/**
 * Makes the handler of one route. It sends the request itself, because reply-from takes no signal: its requests end
 * neither with the client nor by a limit.
 */
function forwarder(route: ForwardRoute, app: AppParts, headHooks: () => readonly SendHook[] | null): Forward {
  const { options, passing, linger, deadlines } = app
  const { dispatcher, openAnswers, auditSink } = options
  const { host } = new URL(route.origin)
  const limits: AnswerLimits =
    route.stream === true
      ? { headMs: options.upstreamTimeoutMs, pauseMs: options.streamPauseMs, totalMs: null }
      : { headMs: options.upstreamTimeoutMs, pauseMs: options.upstreamTimeoutMs, totalMs: options.answerTimeoutMs }

  async function forwardAsFastifyDoes(
    request: FastifyRequest,
    reply: FastifyReply,
    path: string,
    rewriteLocation: HeaderRewrite | undefined
  ): Promise<FastifyReply> {
    const { signal, headArrived } = boundCall(request, reply, limits)
    const token = await request.exchangeToken(route.audience)
    const { pauseMs } = limits
    const outgoing = { request, path, token, route, host, passing, options, dispatcher, signal, pauseMs }
    const answer = await sendRequest(outgoing)
    headArrived()
    return passAnswer({ request, reply, answer, route, rewriteLocation, openAnswers, auditSink })
  }

  return function forward(request, reply, path, rewriteLocation) {
    const hooks = headHooks()
    if (hooks === null || request.raw.httpVersionMajor !== 1) {
      return forwardAsFastifyDoes(request, reply, path, rewriteLocation)
    }
    const shared = { request, reply, path, route, host, passing, options, dispatcher, rewriteLocation }
    forwardLean({ ...shared, limits, hooks, openAnswers, auditSink, deadlines, linger })
    return undefined
  }
}
