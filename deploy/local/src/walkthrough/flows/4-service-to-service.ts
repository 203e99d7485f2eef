import { asUser, answerList, answerMember, type Flow, type Stack } from '../flow.ts'
import type { Transcript } from '../transcript.ts'

/** An order that travels through all three services with exchanged tokens. */
export const serviceToServiceFlow: Flow = {
  title: '4. Service to service: an order, its ticket, its delivery, with exchanged tokens',
  run: async (stack, transcript) => {
    const order = await placeDemoOrder(stack, transcript, 'customer1')
    const restaurantId = String(order.restaurantId)
    const tickets = await transcript.call({
      url: `${stack.gateway}/restaurants/${restaurantId}/tickets`,
      headers: asUser(stack, 'restaurant1')
    })
    const ticket = answerList(tickets, 'tickets').find(candidate => candidate.orderId === order.orderId)
    transcript.check(ticket !== undefined, 'order-service opened a ticket at restaurant-service')
    const direct = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/tickets`,
      headers: asUser(stack, 'customer1'),
      json: { orderId: order.orderId, restaurantId, lines: order.lines }
    })
    transcript.check(
      direct.status === 403 || direct.status === 404,
      'nobody opens a ticket past order-service: the policy asks who acts'
    )
    const accepted = await transcript.call({
      method: 'POST',
      url: `${stack.gateway}/tickets/${String(ticket?.ticketId)}/accept`,
      headers: asUser(stack, 'restaurant1')
    })
    transcript.check(accepted.status === 200, 'the restaurant accepts')
    const deliveries = await transcript.call({ url: `${stack.gateway}/deliveries`, headers: asUser(stack, 'courier1') })
    transcript.check(
      answerList(deliveries, 'deliveries').some(delivery => delivery.orderId === order.orderId),
      'restaurant-service opened a delivery at delivery-service'
    )
    await readDetails(stack, transcript, String(order.orderId))
  }
}

/** Three services in one answer, for whose order it is. */
async function readDetails(stack: Stack, transcript: Transcript, orderId: string): Promise<void> {
  const url = `${stack.gateway}/order-details/${orderId}`
  const details = await transcript.call({ url, headers: asUser(stack, 'customer1') })
  const parts = ['order', 'ticket', 'delivery'].map(part => answerMember(details, part))
  transcript.check(
    parts.every(part => typeof part === 'object' && part !== null) && answerList(details, 'missing').length === 0,
    'one answer has the order, its ticket and its delivery, each decided by its own service'
  )
  const foreign = await transcript.call({ url, headers: asUser(stack, 'customer2') })
  transcript.check(foreign.status === 404, 'another customer learns nothing of it')
}

/** Places an order at the first restaurant of restaurant1. */
export async function placeDemoOrder(
  stack: Stack,
  transcript: Transcript,
  username: string
): Promise<Record<string, unknown>> {
  const restaurants = await transcript.call({
    url: `${stack.gateway}/restaurants`,
    headers: asUser(stack, 'restaurant1')
  })
  const restaurantId = answerList(restaurants, 'restaurants')[0]?.restaurantId
  const menu = await transcript.call({
    url: `${stack.gateway}/restaurants/${String(restaurantId)}/menu`,
    headers: asUser(stack, username)
  })
  const item = answerList(menu, 'items')[0]
  const placed = await transcript.call({
    method: 'POST',
    url: `${stack.gateway}/orders`,
    headers: asUser(stack, username),
    json: { restaurantId, lines: [{ menuItemId: item?.menuItemId, quantity: 2 }], deliveryAddress: '1 Harbour Street' }
  })
  transcript.check(placed.status === 201, `${username} places an order`)
  transcript.check(
    answerMember(placed, 'totalCents') === Number(item?.priceCents) * 2,
    'at the price of the menu, which order-service read itself'
  )
  return placed.body as Record<string, unknown>
}
