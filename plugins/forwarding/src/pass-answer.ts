import { effectiveRoute, recordSecurityEvent, type AuditSink } from '@sallyport/security-context'
import { PassThrough, type Readable } from 'node:stream'
import type { FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { AccessEndedError, ForwardFailedError, ForwardedTokenRefusedError } from './errors.ts'
import { responseHeaders } from './forwarded-headers.ts'
import type { EndOfAccess, OpenAnswers } from './open-answers.ts'
import { ofService } from './service-failure.ts'
import { forwardFailure, tryAgain } from './upstream-failure.ts'
import type { ForwardRoute } from './forward-route.ts'

/**
 * That of http-proxy: relative redirects get the prefix of the gateway, and header values lose what HTTP does not
 * allow.
 */
export type HeaderRewrite = NonNullable<NonNullable<FastifyHttpProxyOptions['replyOptions']>['rewriteHeaders']>

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What the answer of a service needs on its way back. */
export interface IncomingAnswer {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly answer: Dispatcher.ResponseData
  readonly route: ForwardRoute
  readonly rewriteLocation: HeaderRewrite | undefined
  readonly openAnswers: OpenAnswers
  readonly auditSink: AuditSink
}

/**
 * Passes a service's answer on. A 401 of the service is not the fault of the client, whose credentials are good here.
 * Most likely the session ended or changed a moment ago, and the next request will notice; so the client should try
 * again.
 * @throws {ForwardedTokenRefusedError} `SALLYPORT_FORWARDING_UPSTREAM_REFUSED_TOKEN`
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
    throw tryAgain(new ForwardedTokenRefusedError())
  }
  if (statusCode > 599) {
    body.destroy()
    throw ofService(new ForwardFailedError({ cause: new Error(`The service answered ${statusCode}`) }), audience)
  }
  const passed = responseHeaders(withoutOrigin(headers, route.origin))
  void reply.code(statusCode).headers(rewriteLocation?.(passed) ?? passed)
  // The service did not want the rest of the body, so nobody reads it: the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  if (route.stream !== true) {
    endWithAccess(incoming, body, null)
    return reply.send(body)
  }
  reply.raw.once('pipe', () => {
    reply.raw.flushHeaders()
  })
  // An announced length is a promise, and such an answer has an end.
  const { payload, finish } =
    passed['content-length'] === undefined ? finishable(body) : { payload: body, finish: null }
  endWithAccess(incoming, body, finish)
  return reply.send(payload)
}

/** A body to pass on, and a way to end it properly before the service does. */
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

/** Ends the answer when the access of its request ends, and names its errors. */
function endWithAccess(
  { request, reply, route, openAnswers, auditSink }: IncomingAnswer,
  body: Readable,
  finish: (() => void) | null
): void {
  const { principal, accessToken } = request
  const { audience } = route
  body.once('error', error => {
    ofService(error, audience)
    // Too late for an answer, so the error handler does not see it.
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
      recordEnd(auditSink, request, reply, reason, audience)
      body.destroy(new AccessEndedError())
    }
  })
  body.once('close', remove)
}

/** The row of the request was written before the first byte; this one says how the answer ended. */
function recordEnd(
  auditSink: AuditSink,
  request: FastifyRequest,
  reply: FastifyReply,
  reason: EndOfAccess,
  audience: string
): void {
  const { principal, id: requestId, traceId, txn, method } = request
  auditSink
    .write({
      action: 'answer.end',
      outcome: 'denied',
      reason,
      txn,
      ...(principal !== null && { subject: principal.subject }),
      ...(typeof principal?.clientId === 'string' && { clientId: principal.clientId }),
      detail: {
        requestId,
        traceId,
        sessionId: principal?.sessionId ?? null,
        method,
        route: effectiveRoute(request).url,
        status: reply.statusCode,
        audience
      }
    })
    .catch(error => {
      request.log.error({ err: error }, 'the end of an answer could not be recorded')
    })
}

/** An absolute redirect to the service itself would expose its internal address, and clients could not follow it. */
function withoutOrigin(headers: AnswerHeaders, origin: string): AnswerHeaders {
  const { location } = headers
  return typeof location === 'string' && location.startsWith(`${origin}/`)
    ? { ...headers, location: location.slice(origin.length) }
    : headers
}
