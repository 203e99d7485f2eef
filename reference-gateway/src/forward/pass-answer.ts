import { recordSecurityEvent } from '@sallyport/security-context'
import { PassThrough, type Readable } from 'node:stream'
import type { FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { AccessEndedError, UpstreamFailedError, UpstreamRefusedTokenError } from '../errors.ts'
import { responseHeaders } from '../hygiene/forwarded-headers.ts'
import type { EndOfAccess, OpenAnswers } from './open-answers.ts'
import { ofService } from './service-failure.ts'
import { forwardFailure, tryAgain } from './upstream-failure.ts'
import type { Route } from './upstreams.ts'

/** http-proxy's own: relative redirects get the gateway's prefix, and header values lose what HTTP does not allow. */
export type HeaderRewrite = NonNullable<NonNullable<FastifyHttpProxyOptions['replyOptions']>['rewriteHeaders']>

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What a service's answer needs on its way back. */
export interface IncomingAnswer {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly answer: Dispatcher.ResponseData
  readonly route: Route
  readonly rewriteLocation: HeaderRewrite | undefined
  readonly openAnswers: OpenAnswers
}

/**
 * Passes a service's answer on. A 401 of the service is not the client's to answer: its credentials are fine here. The
 * session most likely ended or changed a moment ago, which the next request will notice; so this one is to be tried
 * again.
 * @throws {UpstreamRefusedTokenError} `SALLYPORT_GATEWAY_UPSTREAM_REFUSED_TOKEN`
 */
export function passAnswer(incoming: IncomingAnswer): FastifyReply {
  const {
    request,
    reply,
    answer: { statusCode, headers, body },
    route,
    rewriteLocation
  } = incoming
  const { audience } = route
  if (statusCode === 401) {
    void body.dump().catch(() => {})
    request.dropExchangedToken(audience)
    recordSecurityEvent(request, {
      stage: 'forward',
      outcome: 'failure',
      reason: 'upstream-refused-token',
      detail: { audience }
    })
    throw tryAgain(new UpstreamRefusedTokenError())
  }
  if (statusCode > 599) {
    body.destroy()
    throw ofService(new UpstreamFailedError({ cause: new Error(`The service answered ${statusCode}`) }), audience)
  }
  const passed = responseHeaders(withoutOrigin(headers, route.origin))
  void reply.code(statusCode).headers(rewriteLocation?.(passed) ?? passed)
  // The service did not want the rest of the body, so nobody reads it: the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  if (route.stream !== true) {
    watch(incoming, body, null)
    return reply.send(body)
  }
  reply.raw.once('pipe', () => {
    reply.raw.flushHeaders()
  })
  // An announced length must be kept, and such an answer has an end.
  const { payload, finish } =
    passed['content-length'] === undefined ? finishable(body) : { payload: body, finish: null }
  watch(incoming, body, finish)
  return reply.send(payload)
}

/** A body to pass on, and what ends it in good order before the service does. */
function finishable(body: Readable): { readonly payload: Readable; readonly finish: () => void } {
  const payload = new PassThrough()
  body.once('error', error => {
    payload.destroy(error)
  })
  payload.once('close', () => {
    body.destroy()
  })
  body.pipe(payload)
  return {
    payload,
    finish() {
      body.unpipe(payload)
      payload.end()
    }
  }
}

/** Ends the answer with the access under which it was asked for, and lets an error of it be named. */
function watch(
  { request, reply, route, openAnswers }: IncomingAnswer,
  body: Readable,
  finish: (() => void) | null
): void {
  const { principal, accessToken } = request
  const { audience } = route
  body.once('error', error => {
    ofService(error, audience)
    // Too late to be answered, and so to be named there.
    const event = reply.raw.headersSent ? forwardFailure(error, audience).event : null
    if (event !== null) recordSecurityEvent(request, event)
  })
  if (principal === null) return
  const remove = openAnswers.add({
    principal,
    accessToken,
    finish,
    end(reason: EndOfAccess) {
      recordSecurityEvent(request, { stage: 'forward', outcome: 'denied', reason, detail: { audience } })
      recordEnd(request, reply, reason, audience)
      body.destroy(new AccessEndedError())
    }
  })
  body.once('close', remove)
}

/** The request's own row was owed before the first byte; this one says what became of it. */
function recordEnd(request: FastifyRequest, reply: FastifyReply, reason: EndOfAccess, audience: string): void {
  const { principal, server, id: requestId, traceId, method, routeOptions } = request
  server.auditSink
    .write({
      action: 'answer.end',
      outcome: 'denied',
      reason,
      ...(principal !== null && { subject: principal.subject }),
      ...(typeof principal?.clientId === 'string' && { clientId: principal.clientId }),
      detail: {
        requestId,
        traceId,
        sessionId: principal?.sessionId ?? null,
        method,
        route: routeOptions.url ?? null,
        status: reply.statusCode,
        audience
      }
    })
    .catch(error => {
      request.log.error({ err: error }, 'the end of an answer could not be recorded')
    })
}

/** An absolute redirect to the service itself would tell its inner address, and could not be followed. */
function withoutOrigin(headers: Headers, origin: string): Headers {
  const { location } = headers
  return typeof location === 'string' && location.startsWith(`${origin}/`)
    ? { ...headers, location: location.slice(origin.length) }
    : headers
}
