// A request that is sent again with its key: by a customer whose answer got lost, and by the services among themselves.
import { DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import * as restaurantService from '@sallyport/restaurant-service'
import t from 'tap'
import { age, beforeCalls, manualSchedule, once, proxied } from './support/recovery.ts'
import { startStack } from './support/stack.ts'
import {
  as,
  SETTINGS,
  startService,
  startUpstream,
  type TestService,
  type Username,
  USERS
} from './support/services.ts'

const [anchor] = DEMO_RESTAURANTS
const KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
const ADDRESS = '7 Repeated Lane'
const NEW_ORDER = {
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 2 }],
  deliveryAddress: ADDRESS
}

async function place(orders: TestService, payload: object = NEW_ORDER, username: Username = 'customer1') {
  const headers = { ...(await as(username, 'order-service')), 'idempotency-key': KEY }
  return orders.app.inject({ method: 'POST', url: '/orders', headers, payload })
}
const placed = async ({ owner }: TestService) => owner('orders').where({ delivery_address: ADDRESS })
const tickets = async ({ owner }: TestService) => owner('tickets').where({ delivery_address: ADDRESS })
const actions = async (service: TestService) => (await service.audit()).map(({ action }) => action)

t.test('an order that is sent twice is placed once, and told as it was told first', async t => {
  const { orders, restaurants } = await startStack(t)
  const first = await place(orders)
  t.equal(first.statusCode, 201)
  const again = await place(orders)
  t.equal(again.body, first.body)
  t.equal(again.headers.location, first.headers.location)
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal((await placed(orders)).length, 1)
  t.equal((await tickets(restaurants)).length, 1)
  t.same(await actions(orders), ['order.place', 'order.approve', 'request.replay'])
  t.match((await orders.audit()).at(-1), {
    outcome: 'success',
    reason: 'replayed',
    subject: USERS.customer1.subject,
    detail: { action: 'order.place', status: 201 }
  })
  const other = await place(orders, { ...NEW_ORDER, lines: [{ ...NEW_ORDER.lines[0], quantity: 3 }] })
  t.same([other.statusCode, other.json().code], [422, 'SALLYPORT_IDEMPOTENCY_KEY_REUSED'])
  t.equal((await place(orders, NEW_ORDER, 'customer2')).statusCode, 201, 'the key of another customer is another key')
  t.equal((await placed(orders)).length, 2)
})

t.test('fifty orders at once with one key are one order and one ticket', async t => {
  const { orders, restaurants } = await startStack(t)
  const answers = await Promise.all(Array.from({ length: 50 }, () => place(orders)))
  const created = answers.filter(({ statusCode }) => statusCode === 201)
  t.ok(created.length > 0)
  t.equal(new Set(created.map(({ body }) => body)).size, 1)
  for (const answer of answers) {
    if (answer.statusCode !== 201) t.equal(answer.json().code, 'SALLYPORT_IDEMPOTENCY_IN_PROGRESS')
  }
  t.equal((await placed(orders)).length, 1)
  t.equal((await tickets(restaurants)).length, 1)
})

t.test('an order whose COMMIT was lost is not placed again: it is in progress, then it is the answer', async t => {
  const clock = manualSchedule()
  const database = proxied(t)
  const { orders, restaurants } = await startStack(t, {
    orders: { collaborators: { recoverySchedule: clock.schedule }, through: database.through }
  })
  database.proxy().set('cut-after-commit', 'order-service-insert')
  t.equal((await place(orders)).statusCode, 503)
  t.match(await placed(orders), [{ state: 'APPROVAL_PENDING' }])
  const soon = await place(orders)
  t.same([soon.statusCode, soon.json().code], [409, 'SALLYPORT_IDEMPOTENCY_IN_PROGRESS'])
  await age(orders, 'orders')
  await clock.run()
  const later = await place(orders)
  t.equal(later.statusCode, 201)
  const [order, ...more] = await placed(orders)
  t.same(more, [])
  t.match(later.json(), { orderId: order.order_id, state: 'APPROVED' })
  t.equal((await place(orders)).body, later.body)
  t.equal((await tickets(restaurants)).length, 1)
  const rows = (await orders.audit()).filter(({ action }) => action === 'order.place')
  const outcomes = rows.map(({ outcome, reason }) => [outcome, reason])
  t.same(outcomes.toSorted(), [
    ['denied', 'idempotency-in-progress'],
    ['failure', 'status-503'],
    ['success', null]
  ])
})

t.test('an order whose approval was lost is answered again as it was stored with the approval', async t => {
  const database = proxied(t)
  const cut = beforeCalls(
    t,
    /^\/tickets$/,
    once(() => {
      database.proxy().set('cut-after-commit', 'order-service-change-state')
    })
  )
  const { orders } = await startStack(t, { orders: { collaborators: cut, through: database.through } })
  t.equal((await place(orders)).statusCode, 503)
  const again = await place(orders)
  t.equal(again.statusCode, 201)
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal((await placed(orders)).length, 1)
})

t.test('an order that the restaurant does not take is refused again, and not tried again', async t => {
  let asked = 0
  const restaurantServiceOrigin = await startUpstream(t, app => {
    app.get('/restaurants/:id/menu', async () => ({ items: anchor.items }))
    app.post('/tickets', async (_request, reply) => {
      asked++
      return reply.code(409).send({ code: 'SALLYPORT_RESTAURANT_ITEM_UNKNOWN' })
    })
  })
  const orders = await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin })
  t.equal((await place(orders)).json().code, 'SALLYPORT_ORDER_REJECTED')
  t.equal((await place(orders)).json().code, 'SALLYPORT_ORDER_REJECTED')
  t.equal(asked, 1)
  t.match(await placed(orders), [{ state: 'REJECTED' }])
})

t.test('a ticket that somebody else is asking for at this moment is no refusal: the order waits', async t => {
  const restaurantServiceOrigin = await startUpstream(t, app => {
    app.get('/restaurants/:id/menu', async () => ({ items: anchor.items }))
    app.post('/tickets', async (request, reply) => {
      t.match(request.headers['idempotency-key'], /^"ticket:[0-9a-f-]{36}"$/)
      return reply.code(409).send({ code: 'SALLYPORT_IDEMPOTENCY_IN_PROGRESS' })
    })
  })
  const orders = await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin })
  t.equal((await place(orders)).statusCode, 503)
  t.match(await placed(orders), [{ state: 'APPROVAL_PENDING' }])
})

t.test('the key of a ticket belongs to one order as it was sent', async t => {
  const restaurants = await startService(t, restaurantService, {
    ...SETTINGS,
    deliveryServiceOrigin: 'http://127.0.0.1:1'
  })
  const ticket = {
    ...NEW_ORDER,
    orderId: '00000000-0000-4000-8000-0000000000aa',
    customerId: USERS.customer1.subject
  }
  const open = async (payload: object) =>
    restaurants.app.inject({
      method: 'POST',
      url: '/tickets',
      headers: {
        ...(await as('customer1', 'restaurant-service', { actor: 'order-service' })),
        'idempotency-key': `"ticket:${ticket.orderId}"`
      },
      payload
    })
  const first = await open(ticket)
  t.equal(first.statusCode, 201)
  const again = await open(ticket)
  t.equal(again.statusCode, 200)
  t.equal(again.body, first.body)
  const other = await open({ ...ticket, deliveryAddress: 'Elsewhere' })
  t.same([other.statusCode, other.json().code], [422, 'SALLYPORT_IDEMPOTENCY_KEY_REUSED'])
  t.equal((await tickets(restaurants)).length, 1)
})

t.test('a menu that is sent twice keeps the ids that it got first', async t => {
  const restaurants = await startService(t, restaurantService, {
    ...SETTINGS,
    deliveryServiceOrigin: 'http://127.0.0.1:1'
  })
  const replace = async () =>
    restaurants.app.inject({
      method: 'PUT',
      url: `/restaurants/${anchor.restaurantId}/menu`,
      headers: { ...(await as('restaurant1', 'restaurant-service')), 'idempotency-key': KEY },
      payload: { items: [{ name: 'Soup of the day', priceCents: 700 }] }
    })
  const first = await replace()
  t.equal(first.statusCode, 200)
  t.equal((await replace()).body, first.body)
  t.same(await actions(restaurants), ['menu.replace', 'request.replay'])
})
