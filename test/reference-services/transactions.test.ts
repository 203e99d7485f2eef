// One id joins what one external request causes, through the real gateway and the real services.
import { randomUUID } from 'node:crypto'
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import t from 'tap'
import { request } from 'undici'
import { edgeCredential, startBehindEdge } from './support/behind-edge.ts'
import { manualSchedule } from './support/recovery.ts'
import { as, authority, SETTINGS, startService, USERS } from './support/services.ts'
import { startStack } from './support/stack.ts'

const [anchor] = DEMO_RESTAURANTS
const NEW_ORDER = {
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 1 }],
  deliveryAddress: '1 Harbour Street'
}
t.test('the rows of one external request have one transaction in every service, and two requests have two', async t => {
  const { edge, orders, restaurants, deliveries } = await startBehindEdge(t)
  const customer = { ...(await edgeCredential('customer1')), 'content-type': 'application/json' }
  const placed: string[] = []
  for (let i = 0; i < 2; i++) {
    const answer = await request(`${edge.url}/orders`, {
      method: 'POST',
      headers: customer,
      body: JSON.stringify(NEW_ORDER)
    })
    const body = (await answer.body.json()) as { orderId: string }
    t.equal(answer.statusCode, 201)
    placed.push(body.orderId)
  }
  const orderRows = (await orders.audit()).filter(({ resource_id: id }) => placed.includes(String(id)))
  const txns = placed.map(id => new Set(orderRows.filter(row => row.resource_id === id).map(({ txn }) => txn)))
  t.same(
    txns.map(({ size }) => size),
    [1, 1],
    'placing and approving are one transaction'
  )
  const [[first], [second]] = txns.map(set => [...set]) as [[string], [string]]
  t.not(first, second, 'one token, two transactions')
  t.notOk([first, second].includes('of-the-token'))
  const opened = (await restaurants.audit()).filter(({ action }) => action === 'ticket.open')
  t.same(
    opened.map(({ txn }) => txn),
    [first, second],
    'and restaurant-service has them too'
  )

  const ticket = await restaurants.owner('tickets').where({ order_id: placed[0] }).first()
  const accepted = await request(`${edge.url}/tickets/${ticket.ticket_id}/accept`, {
    method: 'POST',
    headers: await edgeCredential('restaurant1')
  })
  await accepted.body.dump()
  t.equal(accepted.statusCode, 200)
  const here = (await restaurants.audit()).filter(({ action }) => action === 'ticket.accept')
  const there = (await deliveries.audit()).filter(({ action }) => action === 'delivery.open')
  t.equal(here.length, 1)
  t.same(
    there.map(({ txn }) => txn),
    here.map(({ txn }) => txn),
    'restaurant-service and delivery-service'
  )
  t.equal((await restaurants.owner('tickets').where({ order_id: placed[0] }).first()).begun_txn, here[0]?.txn)
})

t.test('a service believes the header of a hop that may state it, and of nobody else', async t => {
  const service = await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' })
  const stated = randomUUID()
  const user = { subject: USERS.customer1.subject, roles: ['CUSTOMER'] }
  const calls: ReadonlyArray<readonly [string, object, string, string | RegExp]> = [
    ['the gateway acts', { ...user, act: { sub: 'gateway' } }, '127.0.0.1', stated],
    ['a service before this one acts', { ...user, act: { sub: 'restaurant-service' } }, '127.0.0.1', stated],
    [
      'a service in its own name',
      { subject: 'order-service', clientId: 'order-service', act: null },
      '127.0.0.1',
      stated
    ],
    ['a user’s own token', { ...user, act: null }, '127.0.0.1', 'of-the-token'],
    ['another client acts', { ...user, act: { sub: 'a-partner' } }, '127.0.0.1', 'of-the-token'],
    [
      'another client in its own name',
      { subject: 'a-partner', clientId: 'a-partner', act: null },
      '127.0.0.1',
      'of-the-token'
    ],
    ['the gateway’s token from elsewhere', { ...user, act: { sub: 'gateway' } }, '198.51.100.9', 'of-the-token']
  ]
  for (const [what, facts, remoteAddress, expected] of calls) {
    const { clientId, ...minted } = facts as { clientId?: string; subject: string; act: Record<string, unknown> | null }
    const token = await authority.mint({
      roles: [],
      ...minted,
      audience: 'order-service',
      scope: 'orders:read',
      claims: { txn: 'of-the-token', ...(clientId !== undefined && { client_id: clientId }) }
    })
    await service.app.inject({
      url: `/orders/${randomUUID()}`,
      headers: { authorization: `Bearer ${token}`, 'sallyport-txn': stated },
      remoteAddress
    })
    t.match((await service.audit()).at(-1)?.txn, expected, what)
  }
  for (const malformed of ['', 'x', stated.toUpperCase(), `${stated} `.repeat(2)]) {
    const headers = { ...(await as('customer1', 'order-service')), 'sallyport-txn': malformed }
    await service.app.inject({ url: `/orders/${randomUUID()}`, headers })
    t.match((await service.audit()).at(-1)?.txn, /^[0-9a-f-]{36}$/, 'a token without one: the request begins its own')
    t.not((await service.audit()).at(-1)?.txn, malformed)
  }
})

t.test('recovery is a transaction of its own that names the one in which the work began', async t => {
  const clock = manualSchedule()
  const { orders, restaurants } = await startStack(t, {
    orders: { collaborators: { recoverySchedule: clock.schedule } }
  })
  const txn = randomUUID()
  await orders.app.inject({
    method: 'POST',
    url: '/orders',
    payload: NEW_ORDER,
    headers: { ...(await as('customer1', 'order-service')), 'sallyport-txn': txn }
  })
  const order = await orders.owner('orders').orderBy('created_at', 'desc').first()
  t.equal(order.begun_txn, txn)
  await orders
    .owner('orders')
    .where({ order_id: order.order_id })
    .update({
      state: 'APPROVAL_PENDING',
      begun: 'place',
      recover_after: orders.owner.raw("now() - interval '1 second'")
    })
  await clock.run()
  const recovered = (await orders.audit()).filter(({ reason }) => reason === 'recovered').at(-1)
  t.match(recovered, { action: 'order.approve', detail: { begunTxn: txn } })
  t.match(recovered?.txn, /^[0-9a-f-]{36}$/)
  t.not(recovered?.txn, txn)
  const ticket = (await restaurants.audit()).filter(({ action }) => action === 'ticket.open').at(-1)
  t.equal(ticket?.txn, recovered?.txn, 'and the service that it calls has the same')
})
