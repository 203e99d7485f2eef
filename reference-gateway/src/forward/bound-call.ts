import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeftError, ForwardTimeoutError } from '../errors.ts'

/** How long a service may take, in ms. Both count from the arrival of the request. */
export interface AnswerLimits {
  /** Until the head of the answer, whatever comes before it: 1xx answers do not extend it. */
  readonly headMs: number
  /** Between two parts of the answer's body. */
  readonly pauseMs: number
  /** Until the end of the answer; `null` for a stream. */
  readonly totalMs: number | null
}

/** One forwarded request, which ends with its client and with its limits. */
export interface BoundCall {
  /** Aborts with `SALLYPORT_GATEWAY_UPSTREAM_TIMEOUT` or `SALLYPORT_GATEWAY_CLIENT_LEFT`; of a stream too. */
  readonly signal: AbortSignal
  /** The head has arrived: from now on the limit for the whole answer holds. */
  readonly headArrived: () => void
}

/**
 * Puts a forwarded request under its limits. They count from the arrival of the request, so that the time in which it
 * was authenticated, had its token exchanged or waited for a connection is not on top. Only the time that the client
 * itself takes for its body is: Node's request timeout bounds that.
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
    // Fastify ends a request on `finish` or `error` only: without this an answer that was cut would be neither logged
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

/** Whether the service has taken all that came of the body, and more is to come. */
function waitsForClient({ raw, body }: FastifyRequest): boolean {
  return !raw.complete && body instanceof Readable && !body.destroyed && body.readableLength === 0
}
