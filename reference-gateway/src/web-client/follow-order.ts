import { Readable } from 'node:stream'
import { requestLanguage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CallGateway } from './call-gateway.ts'
import { isFinalState, orderIn, stateText } from './listed-orders.ts'
import { WEB_CLIENT_TEXTS } from './texts.ts'

/** Of all browsers together: beyond it a stream ends with the present state, and its browser asks again later. */
const MOST_FOLLOWED = 200
const ASK_AGAIN_MS = 5000
/** A comment keeps proxies from cutting a stream in which nothing happens. */
const LOOKS_UNTIL_COMMENT = 15

/**
 * Makes the handler of an order's events: each state, the present one first. The stream ends with the last state, and
 * when the access of its request ends; the browser comes back with its session then.
 * @param pause waits between two looks at an order; rejects when the server closes
 * @see WHATWG HTML §9.2, server-sent events
 */
export function createOrderEvents(call: CallGateway, pause: () => Promise<void>) {
  let followed = 0

  async function* events(request: FastifyRequest, orderId: string, isOneLook: boolean): AsyncGenerator<string> {
    if (isOneLook) yield `retry: ${ASK_AGAIN_MS}\n\n`
    const texts = WEB_CLIENT_TEXTS[requestLanguage(request)]
    let last = ''
    for (let looks = 0; ; looks++) {
      const { status, body } = await call(request, { path: `/orders/${encodeURIComponent(orderId)}` })
      if (status !== 200) return
      const { state } = orderIn(body)
      const isFinal = isFinalState(state)
      if (state !== last) {
        yield `event: state\ndata: ${JSON.stringify({ state, text: stateText(texts, state), isFinal })}\n\n`
      } else if (looks % LOOKS_UNTIL_COMMENT === 0) yield ':\n\n'
      if (isFinal || isOneLook) return
      last = state
      await pause()
    }
  }

  return async function followOrder(request: FastifyRequest<{ Params: { orderId: string } }>, reply: FastifyReply) {
    // The cookies that a bound session is known by change while a stream goes on.
    const isOneLook = followed >= MOST_FOLLOWED || request.dpopKey !== null
    const stream = Readable.from(events(request, request.params.orderId, isOneLook))
    if (!isOneLook) {
      followed++
      stream.once('close', () => {
        followed--
      })
    }
    return await reply.headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).send(stream)
  }
}
