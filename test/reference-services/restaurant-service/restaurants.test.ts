import { withdrawAccess } from '@sallyport/authorization'
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as restaurantService from '@sallyport/restaurant-service'
import t, { type Test } from 'tap'
import {
  as,
  FACTS,
  SETTINGS,
  startService,
  startUpstream,
  USERS,
  type TestService,
  type Username
} from '../support/services.ts'

const AUDIENCE = 'restaurant-service'
const DELIVERY_ID = '30000000-0000-4000-8000-000000000001'
const ORDER_ID = '30000000-0000-4000-8000-000000000002'
const [anchor, bellini] = DEMO_RESTAURANTS
const NEW_TICKET = {
  orderId: ORDER_ID,
  customerId: USERS.customer1.subject,
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[1]!.menuItemId, quantity: 3 }],
  deliveryAddress: '1 Harbour Street'
}
const open = DEMO_ORDERS.find(({ ticket }) => ticket === 'OPEN')!

interface Answers {
  openDelivery?: [number, unknown]
}

/** restaurant-service beside a delivery-service that answers as told; `calls` is what it was asked. */
async function start(
  t: Test,
  answers: Answers = {}
): Promise<TestService & { calls: Array<{ body: unknown; authorization: string }> }> {
  const calls: Array<{ body: unknown; authorization: string }> = []
  const deliveryServiceOrigin = await startUpstream(t, app => {
    app.post('/deliveries', async (request, reply) => {
      calls.push({ body: request.body, authorization: request.headers.authorization ?? '' })
      return reply.code(answers.openDelivery?.[0] ?? 201).send(answers.openDelivery?.[1] ?? { deliveryId: DELIVERY_ID })
    })
  })
  return { ...(await startService(t, restaurantService, { ...SETTINGS, deliveryServiceOrigin })), calls }
}

async function putMenu(service: TestService, user: Username, restaurantId: string, items: object[]) {
  return service.app.inject({
    method: 'PUT',
    url: `/restaurants/${restaurantId}/menu`,
    headers: await as(user, AUDIENCE),
    payload: { items }
  })
}

async function openTicket(service: TestService, payload: object = NEW_TICKET) {
  return service.app.inject({
    method: 'POST',
    url: '/tickets',
    headers: await as('customer1', AUDIENCE, { actor: 'order-service' }),
    payload
  })
}

async function accept(service: TestService, ticketId: string, user: Username = 'restaurant1') {
  return service.app.inject({ method: 'POST', url: `/tickets/${ticketId}/accept`, headers: await as(user, AUDIENCE) })
}

async function cancel(service: TestService, ticketId: string) {
  return service.app.inject({
    method: 'POST',
    url: `/tickets/${ticketId}/cancel`,
    headers: await as('customer1', AUDIENCE, { actor: 'order-service' })
  })
}

t.test('a manager replaces the menu; items keep their ids and the audit row holds both menus', async t => {
  const service = await start(t)
  const kept = { ...anchor.items[0], priceCents: 1500 }
  const answer = await putMenu(service, 'restaurant1', anchor.restaurantId, [kept, { name: 'Soup', priceCents: 480 }])
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), {
    restaurantId: anchor.restaurantId,
    items: [kept, { menuItemId: /^[0-9a-f-]{36}$/, name: 'Soup', priceCents: 480 }]
  })
  const read = await service.app.inject({
    url: `/restaurants/${anchor.restaurantId}/menu`,
    headers: await as('customer1', AUDIENCE)
  })
  t.same(read.json(), answer.json())
  t.match(await service.audit(), [
    {
      action: 'menu.replace',
      resource_id: anchor.restaurantId,
      subject: USERS.restaurant1.subject,
      detail: { before: anchor.items, after: [kept, { name: 'Soup' }] }
    }
  ])
})

t.test('Z02: a restaurant user manages only restaurants that the access control list names', async t => {
  const service = await start(t)
  const headers = await as('restaurant2', AUDIENCE)
  t.equal((await putMenu(service, 'restaurant2', anchor.restaurantId, [])).statusCode, 404)
  t.equal((await service.app.inject({ url: `/restaurants/${anchor.restaurantId}/tickets`, headers })).statusCode, 404)
  t.equal((await accept(service, open.ticketId, 'restaurant2')).statusCode, 404)
  t.equal((await service.owner('menu_items').where({ restaurant_id: anchor.restaurantId })).length, 3)
  t.equal((await service.owner('tickets').where({ ticket_id: open.ticketId }).first()).state, 'OPEN')
  t.match(
    (await service.audit()).map(({ action, outcome, subject, resource_id: id }) => [action, outcome, subject, id]),
    [
      ['menu.replace', 'denied', USERS.restaurant2.subject, anchor.restaurantId],
      ['ticket.list', 'denied', USERS.restaurant2.subject, anchor.restaurantId],
      ['ticket.accept', 'denied', USERS.restaurant2.subject, open.ticketId]
    ]
  )
})

t.test('Z06: an entry that is withdrawn ends access with the next request', async t => {
  const service = await start(t)
  const entry = {
    issuer: FACTS.issuer,
    subject: USERS.restaurant1.subject,
    resourceType: 'restaurant',
    resourceId: anchor.restaurantId,
    permission: 'manage'
  }
  t.equal((await putMenu(service, 'restaurant1', anchor.restaurantId, [...anchor.items])).statusCode, 200)
  t.ok(await withdrawAccess(service.owner, entry))
  t.equal((await putMenu(service, 'restaurant1', anchor.restaurantId, [])).statusCode, 404)
})

t.test('Z03: a menu item is a name and a price, and an id only if the menu has it', async t => {
  const service = await start(t)
  const refused = [
    { name: 'Soup', priceCents: 480, restaurantId: bellini.restaurantId },
    { name: 'Soup', priceCents: '480' },
    { name: 'Soup', priceCents: 4.8 },
    { name: 'Soup', priceCents: -1 },
    { name: 'Soup', priceCents: 100_001 },
    { name: '', priceCents: 1 },
    { name: 'a\0b', priceCents: 1 },
    { priceCents: 1 }
  ]
  for (const item of refused) {
    t.equal((await putMenu(service, 'restaurant1', anchor.restaurantId, [item])).statusCode, 400, JSON.stringify(item))
  }
  for (const items of [
    [bellini.items[0]],
    [{ menuItemId: ORDER_ID, name: 'Soup', priceCents: 1 }],
    [anchor.items[0], anchor.items[0]]
  ] as object[][]) {
    const answer = await putMenu(service, 'restaurant1', anchor.restaurantId, items)
    t.equal(answer.statusCode, 409)
    t.equal(answer.json().code, 'SALLYPORT_RESTAURANT_ITEM_TAKEN')
  }
  t.equal((await service.owner('menu_items')).length, 8)
})

t.test('an order gets one ticket, however often it is asked for', async t => {
  const service = await start(t)
  const [first, second] = await Promise.all([openTicket(service), openTicket(service)])
  t.same([first.statusCode, second.statusCode].toSorted(), [200, 201])
  t.same(first.json().ticketId, second.json().ticketId)
  t.match(first.json(), { orderId: ORDER_ID, state: 'OPEN', deliveryId: null, lines: [{ name: 'Chips', quantity: 3 }] })
  const elsewhere = await openTicket(service, { ...NEW_TICKET, restaurantId: bellini.restaurantId })
  t.equal(elsewhere.statusCode, 409)
  t.equal(elsewhere.json().code, 'SALLYPORT_RESTAURANT_TICKET_EXISTS')
  const tickets = await service.app.inject({
    url: `/restaurants/${anchor.restaurantId}/tickets?limit=1`,
    headers: await as('restaurant1', AUDIENCE)
  })
  t.match(tickets.json(), { tickets: [{ orderId: ORDER_ID }], next: String })
})

t.test('a ticket for what is not there is refused', async t => {
  const service = await start(t)
  const nowhere = await openTicket(service, { ...NEW_TICKET, restaurantId: ORDER_ID })
  t.equal(nowhere.statusCode, 404)
  t.equal(nowhere.json().code, 'SALLYPORT_RESTAURANT_UNKNOWN')
  const noItem = await openTicket(service, {
    ...NEW_TICKET,
    lines: [{ menuItemId: bellini.items[0]!.menuItemId, quantity: 1 }]
  })
  t.equal(noItem.statusCode, 409)
  t.equal(noItem.json().code, 'SALLYPORT_RESTAURANT_ITEM_UNKNOWN')
  t.equal((await openTicket(service, { ...NEW_TICKET, state: 'ACCEPTED' })).statusCode, 400)
})

t.test('accepting a ticket opens its delivery with an exchanged token', async t => {
  const service = await start(t)
  const answer = await accept(service, open.ticketId)
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { state: 'ACCEPTED', deliveryId: DELIVERY_ID })
  t.same(
    service.calls.map(({ body }) => body),
    [
      {
        ticketId: open.ticketId,
        orderId: open.orderId,
        customerId: USERS.customer1.subject,
        restaurantId: anchor.restaurantId,
        deliveryAddress: open.deliveryAddress
      }
    ]
  )
  const claims = JSON.parse(Buffer.from(service.calls[0]!.authorization.split('.')[1]!, 'base64url').toString())
  t.match(claims, {
    aud: 'delivery-service',
    sub: USERS.restaurant1.subject,
    act: { sub: 'restaurant-service', act: { sub: 'gateway' } }
  })
  t.match(await service.audit(), [
    {
      action: 'ticket.accept',
      outcome: 'success',
      resource_id: open.ticketId,
      detail: { before: { state: 'OPEN' }, after: { state: 'ACCEPTED' } }
    },
    { action: 'ticket.arrange-delivery', outcome: 'success', detail: { after: { deliveryId: DELIVERY_ID } } }
  ])
  const again = await accept(service, open.ticketId)
  t.same(again.json(), answer.json())
  t.equal(service.calls.length, 1)
  t.match((await service.audit()).at(-1), { action: 'ticket.accept', reason: 'already-accepted' })
})

t.test('a ticket whose delivery fails stays accepted without one, and accepting it again asks again', async t => {
  const answers: Answers = { openDelivery: [503, {}] }
  const service = await start(t, answers)
  const unavailable = await accept(service, open.ticketId)
  t.equal(unavailable.statusCode, 503)
  t.equal(unavailable.json().code, 'SALLYPORT_RESTAURANT_DELIVERY_UNAVAILABLE')
  t.equal(unavailable.headers['retry-after'], '5')
  t.match(await service.owner('tickets').where({ ticket_id: open.ticketId }).first(), {
    state: 'ACCEPTED',
    delivery_id: null
  })
  for (const nonsense of [
    [201, { id: 1 }],
    [403, {}]
  ] as Array<[number, unknown]>) {
    answers.openDelivery = nonsense
    const failed = await accept(service, open.ticketId)
    t.equal(failed.statusCode, 502)
    t.equal(failed.json().code, 'SALLYPORT_RESTAURANT_DELIVERY_FAILED')
  }
  delete answers.openDelivery
  t.match((await accept(service, open.ticketId)).json(), { state: 'ACCEPTED', deliveryId: DELIVERY_ID })
})

t.test('a ticket that was withdrawn cannot be accepted, and an accepted one not withdrawn', async t => {
  const service = await start(t)
  const { ticketId } = (await openTicket(service)).json()
  t.equal((await cancel(service, ticketId)).json().state, 'CANCELLED')
  t.equal((await cancel(service, ticketId)).statusCode, 200, 'twice is the same')
  const late = await accept(service, ticketId)
  t.equal(late.statusCode, 409)
  t.equal(late.json().code, 'SALLYPORT_RESTAURANT_TICKET_STATE')
  t.same(service.calls, [], 'and no courier is sent')
  t.equal((await openTicket(service)).json().state, 'CANCELLED', 'nor does asking again open it')
  await accept(service, open.ticketId)
  t.equal((await cancel(service, open.ticketId)).statusCode, 409)
  t.equal((await service.owner('tickets').where({ ticket_id: open.ticketId }).first()).state, 'ACCEPTED')
})
