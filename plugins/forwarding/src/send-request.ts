import { Readable } from 'node:stream'
import { countWait } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { type OutgoingClaims, outgoingFields, type OutgoingHead, outgoingTarget } from './outgoing-fields.ts'
import { ofService } from './service-failure.ts'

/** A request on its way to a service. */
export interface OutgoingRequest extends OutgoingHead, OutgoingClaims {
  readonly request: FastifyRequest
  readonly signal: AbortSignal
  /** Limit for each pause in the answer's body, in ms. */
  readonly pauseMs: number
}

/**
 * Sends a request to its service, once. Of undici's limits only that of pauses is used, because its clocks start when a
 * request is written.
 * @throws what `answerableFailure` names
 */
export async function sendRequest(outgoing: OutgoingRequest): Promise<Dispatcher.ResponseData> {
  const { request, route, signal, pauseMs } = outgoing
  try {
    return await countWait(request, 'upstream', () =>
      route.upstream.request({
        origin: route.origin,
        path: outgoingTarget(request, route),
        method: request.method,
        headers: outgoingFields(request, outgoing, outgoing),
        body: bodyToSend(request),
        signal,
        headersTimeout: 0,
        bodyTimeout: pauseMs
      })
    )
  } catch (error) {
    throw ofService(error, route.audience)
  }
}

/** The body of a request, `null` for a request without one. */
export function bodyToSend({ body }: FastifyRequest): Readable | null {
  return body instanceof Readable ? body : null
}
