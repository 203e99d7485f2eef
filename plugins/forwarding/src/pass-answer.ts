import type { AuditSink } from '@sallyport/security-context'
import { PassThrough, type Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { type AnswerHeaders, putHead, refusalOfAnswer, withdrawHead } from './answer-rules.ts'
import { watchAccess } from './end-of-access.ts'
import { AccessEndedError } from './errors.ts'
import type { OpenAnswers } from './open-answers.ts'
import type { OpenStreams } from './open-streams.ts'
import { ofService, recordLateFailure } from './service-failure.ts'
import type { TableRoute } from './table-route.ts'

/** What the answer of a service needs on its way back. */
export interface IncomingAnswer {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly answer: Dispatcher.ResponseData
  readonly route: TableRoute
  readonly openAnswers: OpenAnswers | null
  readonly openStreams: OpenStreams
  readonly auditSink: AuditSink | null
}

/**
 * Passes a service's answer on.
 * @throws {ForwardedTokenRefusedError} `SALLYPORT_FORWARDING_UPSTREAM_REFUSED_TOKEN`
 */
export function passAnswer(incoming: IncomingAnswer): FastifyReply {
  const {
    request,
    reply,
    answer: { statusCode, headers, body },
    route
  } = incoming
  const refusal = refusalOfAnswer(request, route, statusCode, headers)
  if (refusal !== null) {
    // Nobody listens to a body that is not passed on, and it reports that it was not read.
    body.on('error', () => {})
    if (statusCode === 401) void body.dump().catch(() => {})
    else body.destroy()
    throw refusal
  }
  const passed = putHead({ request, reply, route, statusCode, headers })
  // The service did not want the rest of the body, so nobody reads it: the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  if (!route.stream) {
    endWithAccess(incoming, body, { finish: null, put: passed })
    return reply.send(body)
  }
  reply.raw.once('pipe', () => {
    reply.raw.flushHeaders()
  })
  // An announced length is a promise, and such an answer has an end.
  const { payload, finish } =
    passed['content-length'] === undefined ? finishable(body) : { payload: body, finish: null }
  endWithAccess(incoming, body, { finish, put: passed })
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
  incoming: IncomingAnswer,
  body: Readable,
  { finish, put }: { readonly finish: (() => void) | null; readonly put: AnswerHeaders }
): void {
  const { request, reply, route } = incoming
  const { audience } = route
  body.once('error', error => {
    ofService(error, audience)
    if (reply.raw.headersSent) recordLateFailure(request, audience, error)
    else withdrawHead(reply, put)
  })
  const unwatch = watchAccess(incoming, {
    finish,
    end: () => body.destroy(new AccessEndedError())
  })
  if (unwatch !== null) body.once('close', unwatch)
}
