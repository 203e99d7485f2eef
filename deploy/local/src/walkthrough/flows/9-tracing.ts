import { asUser, answerList, type Flow, type Stack } from '../flow.ts'
import type { Transcript } from '../transcript.ts'
import { placeDemoOrder } from './4-service-to-service.ts'

/** One trace id from the edge through two services. */
export const tracingFlow: Flow = {
  title: '9. Tracing: one trace id from the edge through two services',
  run: async (stack, transcript) => {
    const order = await placeDemoOrder(stack, transcript, 'customer2')
    const placed = (await trail(stack, transcript, 'order-service')).find(
      event => event.action === 'order.place' && event.resourceId === order.orderId
    )
    const opened = (await trail(stack, transcript, 'restaurant-service')).find(
      event => event.action === 'ticket.open' && event.traceId === placed?.traceId
    )
    transcript.check(
      typeof placed?.traceId === 'string' && opened !== undefined,
      `both rows carry the trace ${String(placed?.traceId)}`
    )
  }
}

async function trail(
  stack: Stack,
  transcript: Transcript,
  process: string
): Promise<ReadonlyArray<Record<string, unknown>>> {
  return answerList(
    await transcript.call({ url: `${stack.gateway}/audit/${process}`, headers: asUser(stack, 'admin1') }),
    'events'
  )
}
