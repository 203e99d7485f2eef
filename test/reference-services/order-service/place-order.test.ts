import { DEMO_ORDERS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import t from 'tap'
import { MockAgent } from 'undici'
import { as, SETTINGS, startService, USERS } from '../support/services.ts'
import { anchor, AUDIENCE, claimsOf, newest, NEW_ORDER, place, start, TICKET_ID } from './support/order-service.ts'

t.test('an order costs what the menu says and gets a ticket', async t => {
  const service = await start(t)
  const answer = await place(service)
  t.equal(answer.statusCode, 201)
  t.match(answer.json(), {
    state: 'APPROVED',
    totalCents: 2900,
    ticketId: TICKET_ID,
    customerId: USERS.customer1.subject,
    lines: [{ name: 'Grilled mackerel', quantity: 2, priceCents: 1450 }]
  })
  t.equal(answer.headers.location, `/orders/${answer.json().orderId}`)
  const stored = await service.app.inject({
    url: answer.headers.location as string,
    headers: await as('customer1', AUDIENCE)
  })
  t.same(stored.json(), answer.json())
  t.same(
    service.calls.map(({ path }) => path),
    [`GET /restaurants/${anchor.restaurantId}/menu`, 'POST /tickets']
  )
  t.same(service.calls[1]?.body, {
    orderId: answer.json().orderId,
    customerId: USERS.customer1.subject,
    restaurantId: anchor.restaurantId,
    deliveryAddress: '1 Harbour Street',
    lines: NEW_ORDER.lines
  })
  t.match(await service.audit(), [
    {
      action: 'order.place',
      outcome: 'success',
      subject: USERS.customer1.subject,
      resource_id: answer.json().orderId,
      detail: { after: { state: 'APPROVAL_PENDING' } }
    },
    {
      action: 'order.approve',
      outcome: 'success',
      detail: { before: { state: 'APPROVAL_PENDING' }, after: { state: 'APPROVED' } }
    }
  ])
})

t.test('restaurant-service is called with an exchanged token and never with the caller’s', async t => {
  const service = await start(t)
  const headers = await as('customer1', AUDIENCE)
  await service.app.inject({ method: 'POST', url: '/orders', headers, payload: NEW_ORDER })
  t.equal(service.calls.length, 2)
  for (const { authorization } of service.calls) {
    t.not(authorization, headers.authorization)
    t.match(claimsOf(authorization), {
      aud: 'restaurant-service',
      sub: USERS.customer1.subject,
      act: { sub: 'order-service', act: { sub: 'gateway' } }
    })
  }
})

t.test('Z03: fields that are unknown or not the caller’s to say are refused', async t => {
  const service = await start(t)
  const count = async () => Number((await service.owner('orders').count())[0]?.count)
  const before = await count()
  const line = NEW_ORDER.lines[0]
  const refused = {
    'a price': { ...NEW_ORDER, totalCents: 1 },
    'an owner': { ...NEW_ORDER, customerId: USERS.customer2.subject },
    'a state': { ...NEW_ORDER, state: 'APPROVED' },
    'a price of a line': { ...NEW_ORDER, lines: [{ ...line, priceCents: 1 }] },
    'a quantity as text': { ...NEW_ORDER, lines: [{ ...line, quantity: '2' }] },
    'a fraction': { ...NEW_ORDER, lines: [{ ...line, quantity: 1.5 }] },
    'no quantity': { ...NEW_ORDER, lines: [{ ...line, quantity: 0 }] },
    'too many of one': { ...NEW_ORDER, lines: [{ ...line, quantity: 100 }] },
    'no lines': { ...NEW_ORDER, lines: [] },
    'too many lines': { ...NEW_ORDER, lines: Array.from({ length: 21 }, () => line) },
    'NUL in the address': { ...NEW_ORDER, deliveryAddress: 'a\0b' },
    'a line break in the address': { ...NEW_ORDER, deliveryAddress: 'a\nb' },
    'an id in capitals': { ...NEW_ORDER, restaurantId: 'ABCDEF00-0000-4000-8000-000000000000' },
    'a path for an id': { ...NEW_ORDER, restaurantId: '../tickets' }
  }
  for (const [what, payload] of Object.entries(refused)) {
    const answer = await place(service, payload)
    t.equal(answer.statusCode, 400, what)
    t.equal(answer.json().code, 'SALLYPORT_CONTEXT_REQUEST_INVALID')
  }
  t.equal(await count(), before)
  t.same(service.calls, [])
})

t.test('an order of what is not there is refused and not stored', async t => {
  const unknown = await start(t, { menu: [404, {}] })
  const noRestaurant = await place(unknown)
  t.equal(noRestaurant.statusCode, 422)
  t.equal(noRestaurant.json().code, 'SALLYPORT_ORDER_RESTAURANT_UNKNOWN')
  const service = await start(t)
  const noItem = await place(service, { ...NEW_ORDER, lines: [{ menuItemId: TICKET_ID, quantity: 1 }] })
  t.equal(noItem.statusCode, 422)
  t.equal(noItem.json().code, 'SALLYPORT_ORDER_ITEM_UNKNOWN')
  t.equal((await service.owner('orders')).length, DEMO_ORDERS.length)
  t.match(await service.audit(), [
    { action: 'order.place', outcome: 'failure', reason: 'SALLYPORT_ORDER_ITEM_UNKNOWN' }
  ])
})

t.test('a menu that makes no sense is a bad gateway, and nothing is stored', async t => {
  for (const body of [
    { items: 'none' },
    { items: [{ menuItemId: anchor.items[0]!.menuItemId, name: 'x', priceCents: -1 }] },
    'text'
  ]) {
    const service = await start(t, { menu: [200, body] })
    const answer = await place(service)
    t.equal(answer.statusCode, 502)
    t.equal(answer.json().code, 'SALLYPORT_ORDER_RESTAURANT_FAILED')
    t.equal((await service.owner('orders')).length, DEMO_ORDERS.length)
  }
})

t.test('an order that the restaurant does not take is REJECTED', async t => {
  const service = await start(t, { openTicket: [409, {}] })
  const answer = await place(service)
  t.equal(answer.statusCode, 409)
  t.equal(answer.json().code, 'SALLYPORT_ORDER_REJECTED')
  t.match(await newest(service), { state: 'REJECTED', ticket_id: null })
  t.match((await service.audit()).at(-1), { action: 'order.reject', outcome: 'failure', reason: 'restaurant-refused' })
})

t.test('an order whose restaurant was never reached is REJECTED', async t => {
  const dispatcher = new MockAgent({ connections: 1 })
  dispatcher.disableNetConnect()
  t.after(async () => {
    await dispatcher.close()
  })
  const pool = dispatcher.get('http://127.0.0.1:1')
  pool
    .intercept({ path: /menu$/ })
    .reply(200, { items: anchor.items }, { headers: { 'content-type': 'application/json' } })
  pool
    .intercept({ path: '/tickets', method: 'POST' })
    .replyWithError(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
  const service = await startService(
    t,
    orderService,
    { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' },
    { dispatcher }
  )
  const answer = await place(service)
  t.equal(answer.statusCode, 502)
  t.match(await newest(service), { state: 'REJECTED', ticket_id: null })
  t.match((await service.audit()).at(-1), { action: 'order.reject', reason: 'restaurant-unreachable' })
})
