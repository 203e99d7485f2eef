import { headHooksOfRoutes, recordSecurityEvent, type EffectiveRoute } from '@sallyport/security-context'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { limitBody } from './body-limit.ts'
import { allowReading, answerPreflight, preflightMethod } from './cors.ts'
import { ForwardedBodyTooLargeError } from './errors.ts'
import { composeAnswer } from './compose/compose-answer.ts'
import {
  forwardAsFastifyDoes,
  forwardPastFastify,
  type ForwardedRequest,
  type ForwardingParts
} from './forward-request.ts'
import { endWithoutClient } from './lean/exchange-parts.ts'
import { lingeringPayload } from './linger.ts'
import type { RequestLimiter } from './rate-limits/limit-requests.ts'
import { isRepeatable } from './resilience/replayable-request.ts'
import { refuseAmbiguousPath, routeOfRequest } from './route-table.ts'
import { SERVED_METHODS } from './served-methods.ts'
import { answerableFailure, ofService } from './service-failure.ts'
import type { TableRoute } from './table-route.ts'
import { placeForSocket, refusalOfUpgrade, socketCaller } from './web-socket/admit-upgrade.ts'
import { upgradeConnection } from './web-socket/take-upgrades.ts'

/** What the one Fastify route behind a table needs. */
export interface ServedTable {
  readonly resolveRoute: (request: FastifyRequest) => EffectiveRoute | null
  readonly parts: Omit<ForwardingParts, 'headHooks'>
  readonly limiter: RequestLimiter
}

/** Nothing is sent this way: http-proxy hands every request to our own handler. */
const NOWHERE = 'https://nowhere.invalid'

/**
 * The one Fastify route of a table, for every path that the app has no route of its own for. In a context of its own:
 * bodies are not parsed here.
 */
export async function serveTable(
  fastify: FastifyInstance,
  { resolveRoute, parts, limiter }: ServedTable
): Promise<void> {
  // Bodies pass unchanged: parsed and serialised again they could mean something else to the service.
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', function passBody(request, payload, done) {
    const route = routeOfRequest(request)
    done(null, limitBody(payload, route?.maxBodyBytes ?? 0, bytesToKeep(request, route)))
  })
  fastify.addHook('onRequest', function takeRequest(request, reply, done) {
    if (!isTaken(request, reply, done)) return
    const refusal = upgradeRefusal(request, parts)
    if (refusal !== null) return done(refusal)
    const limits = routeOfRequest(request)?.rateLimits ?? null
    if (limits === null) done()
    else limiter.admitCaller(request, reply, limits, done)
  })
  fastify.addHook('preParsing', function refuseDeclaredLength(request, reply, _payload, done) {
    const maxBodyBytes = routeOfRequest(request)?.maxBodyBytes ?? 0
    if (Number(request.headers['content-length'] ?? 0) <= maxBodyBytes) return done()
    recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason: 'body-too-large' })
    void reply.header('connection', 'close')
    done(new ForwardedBodyTooLargeError())
  })
  fastify.addHook('onSend', finishHead)
  // An answer that fails before any of it has left gets its name here, because Fastify already had it.
  fastify.setErrorHandler(function nameFailure(error, request, reply) {
    throw answerableFailure(request, reply, error)
  })

  const all: ForwardingParts = { ...parts, headHooks: headHooksOfRoutes(fastify, [finishHead]) }
  await fastify.register(httpProxy, {
    routes: ['/*'],
    upstream: NOWHERE,
    undici: NO_CLIENT,
    httpMethods: [...SERVED_METHODS],
    proxyPayloads: false,
    internalRewriteLocationHeader: false,
    // For a request whose route cannot be found out, and for the check at boot.
    config: { access: 'authenticated', audit: 'none', resolveRoute },
    // Before http-proxy takes the target apart, which nobody needs: the path that goes on is the one that was received.
    preHandler: (request, reply, done) => {
      const route = routeOfRequest(request)
      if (route === null) return reply.callNotFound()
      if (reply.raw.destroyed) return done(leftEarly(reply, route))
      if (route.parts !== null) return done()
      if (!takesPlace({ request, reply, route }, all, done)) return
      if (!forwardPastFastify({ request, reply, route }, all)) done()
    },
    handler: (request, reply) => {
      const route = routeOfRequest(request)
      if (route === null) return reply.callNotFound()
      if (route.parts !== null) return composeAnswer({ ...parts, request, reply, route, parts: route.parts })
      return forwardAsFastifyDoes({ request, reply, route }, all)
    }
  })
}

/** Why a request that asks for a WebSocket does not get one; `null` for all others too. */
function upgradeRefusal(request: FastifyRequest, { ownOrigins }: ServedTable['parts']): Error | null {
  const webSocket = routeOfRequest(request)?.webSocket ?? null
  if (webSocket === null || upgradeConnection(request) === null) return null
  return refusalOfUpgrade(request, webSocket, ownOrigins(request))
}

/** Why nothing is sent for a client that has left while it was found out who is calling: its end is past. */
function leftEarly({ raw }: FastifyReply, { audience }: TableRoute): Error {
  return ofService(endWithoutClient(raw), audience)
}

/** @returns whether the request goes on: one that asks for a WebSocket needs a place for it */
function takesPlace(
  { request, reply, route }: ForwardedRequest,
  { openSockets, headHooks }: ForwardingParts,
  done: (error: Error) => void
): boolean {
  const { webSocket: limits, effective } = route
  if (limits === null || upgradeConnection(request) === null) return true
  // Its answer passes Fastify by: a hook for payloads would never see it.
  if (headHooks() === null) done(new Error('An onSend hook that is no head hook keeps WebSockets out'))
  else {
    const place = placeForSocket(request, openSockets, { route: effective.url, caller: socketCaller(request), limits })
    if (typeof place === 'function') {
      reply.raw.once('close', place)
      return true
    }
    done(place)
  }
  return false
}

/** Without it reply-from would open connections of its own, which verify no certificate. */
const NO_CLIENT: NonNullable<FastifyHttpProxyOptions['undici']> = Object.assign(Object.create(null), {
  request: (): never => {
    throw new Error('forwarding sends its requests itself')
  }
})

/** How long a body may be that is kept to be sent again. */
function bytesToKeep({ method, headers }: FastifyRequest, route: TableRoute | null): number {
  const { retries } = route?.upstream.options ?? {}
  if (retries === undefined || !isRepeatable(method, headers['idempotency-key'] !== undefined)) return 0
  return retries.replayBodyBytes
}

/**
 * Before the body is read: what no route is for, what has two readings, and preflights.
 * @returns whether the request goes on
 */
function isTaken(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): boolean {
  const route = routeOfRequest(request)
  if (route === null) {
    reply.callNotFound()
    return false
  }
  try {
    refuseAmbiguousPath(request)
    if (preflightMethod(request) === null) return true
    answerPreflight(request, reply, route.cors)
  } catch (error) {
    done(error instanceof Error ? error : new Error('The request could not be taken', { cause: error }))
  }
  return false
}

/** Also for what was refused before the request came here: the page that called has to read why. */
function finishHead(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void
): void {
  const route = routeOfRequest(request)
  if (route === null) return done(null, payload)
  if (route.cors !== null && preflightMethod(request) === null) allowReading(request, reply, route.cors)
  done(null, lingeringPayload(request, reply, payload, route.linger) ?? payload)
}
