import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeftError, ForwardTimeoutError } from './errors.ts'

/** How long a service may take, in ms. Both count from the arrival of the request. */
export interface AnswerLimits {
  /** Until the head of the answer; 1xx answers do not extend it. */
  readonly headMs: number
  /** Between two parts of the answer's body. */
  readonly pauseMs: number
  /** Until the end of the answer; `null` for a stream. */
  readonly totalMs: number | null
}

/** A forwarded request, which ends with its client and by its limits. */
export interface BoundCall {
  /** Aborts with `SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT` or `SALLYPORT_FORWARDING_CLIENT_LEFT`; of a stream too. */
  readonly signal: AbortSignal
  /** The head has arrived: from now on the limit for the whole answer applies. */
  readonly headArrived: () => void
}

/**
 * Applies the limits to a forwarded request. They count from its arrival, so that they include authentication, token
 * exchange and the wait for a connection. They exclude only the time that the client takes to send its body, which
 * Node's request timeout limits.
 */
export function boundCall(request: FastifyRequest, reply: FastifyReply, limits: AnswerLimits): BoundCall {
  const controller = new AbortController()
  const remaining = (limitMs: number): number => Math.max(0, limitMs - reply.elapsedTime)
  const expire = (): void => {
    controller.abort(new ForwardTimeoutError())
  }
  let timer = setTimeout(function headIsLate() {
    if (waitsForClient(request)) timer = setTimeout(headIsLate, limits.headMs)
    else expire()
  }, remaining(limits.headMs))

  reply.raw.once('close', function endWithTheClient() {
    clearTimeout(timer)
    if (reply.raw.writableFinished) return
    const left = new ClientLeftError()
    if (!reply.raw.headersSent) reply.raw.statusCode = left.statusCode ?? reply.raw.statusCode
    controller.abort(left)
    // Fastify ends a request on `finish` or `error` only: without this an answer that is cut would be neither logged
    // nor counted.
    if (reply.raw.listenerCount('error') > 0) reply.raw.emit('error', left)
  })

  return {
    signal: controller.signal,
    headArrived() {
      clearTimeout(timer)
      if (limits.totalMs !== null) timer = setTimeout(expire, remaining(limits.totalMs))
    }
  }
}

/** Whether the service has taken all of the body so far, and more is to come. */
export function waitsForClient({ raw, body }: FastifyRequest): boolean {
  return !raw.complete && body instanceof Readable && !body.destroyed && body.readableLength === 0
}
