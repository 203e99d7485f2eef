// GET /order-details/:orderId of the local stack's table: the real gateway before the real services.
import type { AddressInfo } from 'node:net'
import { DEMO_ORDERS } from '@sallyport/service-kit/demo'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { startEdge } from '../support/edge.ts'
import { localTable } from '../support/local-table.ts'
import { edgeCredential } from './support/behind-edge.ts'
import { authority, type TestService, type Username } from './support/services.ts'
import { startStack } from './support/stack.ts'

const [open, scheduled, ofOther] = DEMO_ORDERS as readonly [Order, Order, Order]
type Order = (typeof DEMO_ORDERS)[number]

const originOf = ({ app }: TestService): string => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

async function startDetails(t: Test) {
  const stack = await startStack(t)
  const orders = await stack.orders.app.listen({ host: '127.0.0.1', port: 0 })
  const origins = { orders, restaurants: stack.restaurantServiceOrigin, deliveries: originOf(stack.deliveries) }
  const upstreamAgent = new Agent()
  t.after(() => upstreamAgent.close())
  const edge = await startEdge(t, {
    settings: { issuer: authority.issuer },
    table: () => localTable({ ...origins, authServer: orders }),
    collaborators: { keys: authority.keys, tokenClient: authority.tokenClient('gateway'), upstreamAgent }
  })
  const details = async (user: Username, orderId: string) => {
    const { statusCode, body } = await request(`${edge.url}/order-details/${orderId}`, {
      headers: await edgeCredential(user)
    })
    return { status: statusCode, body: (await body.json()) as Record<string, unknown> }
  }
  return { ...stack, details }
}

t.test('the customer of an order reads it with its ticket and its delivery, and nobody else does', async t => {
  const { details, orders, restaurants, deliveries } = await startDetails(t)
  const { status, body } = await details('customer1', scheduled.orderId)
  t.equal(status, 200)
  t.match(body, {
    order: { orderId: scheduled.orderId, state: 'APPROVED' },
    ticket: { ticketId: scheduled.ticketId, state: 'ACCEPTED' },
    delivery: { deliveryId: scheduled.deliveryId, state: 'SCHEDULED' }
  })
  t.same(body.missing, [])
  t.notMatch(JSON.stringify([body.ticket, body.delivery]), 'customerId')
  const { body: waiting } = await details('customer1', open.orderId)
  t.match(waiting, { order: { orderId: open.orderId }, ticket: { state: 'OPEN' } })
  t.same([waiting.delivery, waiting.missing], [null, []], 'there is no delivery yet')
  t.equal((await details('admin1', ofOther.orderId)).status, 200)

  const foreign = await details('customer1', ofOther.orderId)
  t.equal(foreign.status, 404)
  t.same(
    Object.keys(foreign.body).filter(name => ['order', 'ticket', 'delivery'].includes(name)),
    []
  )
  t.equal((await details('customer1', '00000000-0000-4000-8000-000000000000')).status, 404)
  t.equal((await details('courier1', ofOther.orderId)).status, 403, 'the delivery of a courier is not their order')
  for (const service of [orders, restaurants, deliveries]) {
    const denied = (await service.audit()).filter(({ outcome }) => outcome === 'denied')
    t.ok(denied.length > 0, 'each service has refused the other customer itself')
  }
})

t.test('while one service is away its part is missing, and no part is told to a stranger', async t => {
  const { details, orders, deliveries } = await startDetails(t)
  await deliveries.app.close()
  const { status, body } = await details('customer1', scheduled.orderId)
  t.equal(status, 200)
  t.match(body, { order: { orderId: scheduled.orderId }, ticket: { ticketId: scheduled.ticketId }, delivery: null })
  t.same(body.missing, [{ part: 'delivery', reason: 'unavailable' }])
  await orders.app.close()
  t.match(await details('customer1', scheduled.orderId), {
    status: 200,
    body: { order: null, ticket: { ticketId: scheduled.ticketId }, delivery: null }
  })
  t.match(await details('customer2', scheduled.orderId), {
    status: 503,
    body: { code: 'SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE' }
  })
})
