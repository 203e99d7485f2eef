// What order-service may do at restaurant-service, and who is not order-service.
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as restaurantService from '@sallyport/restaurant-service'
import t, { type Test } from 'tap'
import { as, authority, SETTINGS, startService, USERS, type TestService } from '../support/services.ts'

const AUDIENCE = 'restaurant-service'
const ORDER_ID = '30000000-0000-4000-8000-000000000002'
const [anchor] = DEMO_RESTAURANTS
const open = DEMO_ORDERS.find(({ ticket }) => ticket === 'OPEN')!
const accepted = DEMO_ORDERS.find(({ ticket, customer }) => ticket === 'ACCEPTED' && customer === 'customer1')!
const NEW_TICKET = {
  orderId: ORDER_ID,
  customerId: USERS.customer1.subject,
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[1]!.menuItemId, quantity: 3 }],
  deliveryAddress: '1 Harbour Street'
}
const byOrderService = { actor: 'order-service' }

const start = async (t: Test): Promise<TestService> =>
  startService(t, restaurantService, { ...SETTINGS, deliveryServiceOrigin: 'http://127.0.0.1:1' })
/** A token of a client itself. */
const own = async (client: string, scope: string, claims: object = {}): Promise<{ authorization: string }> => {
  const token = await authority.mint({
    subject: client,
    clientId: client,
    audience: AUDIENCE,
    scope,
    act: null,
    claims: { ...claims }
  })
  return { authorization: `Bearer ${token}` }
}
const openTicket = async ({ app }: TestService, headers: Record<string, string>, payload: object = NEW_TICKET) =>
  app.inject({ method: 'POST', url: '/tickets', headers, payload })
const cancelTicket = async ({ app }: TestService, headers: Record<string, string>, ticketId: string) =>
  app.inject({ method: 'POST', url: `/tickets/${ticketId}/cancel`, headers })
const stateOf = async ({ owner }: TestService, ticketId: string): Promise<string> =>
  (await owner('tickets').where({ ticket_id: ticketId }).first()).state

t.test('whoever holds a token that order-service got may not touch the orders of others', async t => {
  const service = await start(t)
  const customer2 = await as('customer2', AUDIENCE, byOrderService)
  t.equal((await openTicket(service, customer2)).statusCode, 404, 'no ticket for another’s order')
  t.equal((await cancelTicket(service, customer2, open.ticketId)).statusCode, 404, 'no withdrawal of another’s ticket')
  t.equal((await service.owner('tickets').where({ order_id: ORDER_ID })).length, 0)
  t.equal(await stateOf(service, open.ticketId), 'OPEN')
  t.match(
    (await service.audit()).map(({ outcome, reason }) => [outcome, reason]),
    [
      ['denied', 'not-owner'],
      ['denied', 'not-owner']
    ]
  )
})

t.test('a token without the scope orders:write, or of another role, opens and withdraws nothing', async t => {
  const service = await start(t)
  const refused = {
    'a token to read orders': await as('customer1', AUDIENCE, {
      ...byOrderService,
      scope: 'orders:read restaurants:read restaurants:write'
    }),
    'no scope': await as('customer1', AUDIENCE, { ...byOrderService, scope: '' }),
    'a courier': await as('courier1', AUDIENCE, byOrderService),
    'a customer without a role': await as('customer1', AUDIENCE, { ...byOrderService, roles: [] }),
    'the scope of recovery in a user’s name': await as('customer1', AUDIENCE, {
      ...byOrderService,
      scope: 'tickets:recover'
    })
  }
  for (const [what, headers] of Object.entries(refused)) {
    t.equal((await openTicket(service, headers)).statusCode, 403, `${what}: open`)
    t.equal((await cancelTicket(service, headers, open.ticketId)).statusCode, 403, `${what}: cancel`)
  }
  t.equal(await stateOf(service, open.ticketId), 'OPEN')
})

t.test('an order’s ticket is not told to the customer of another order who names it', async t => {
  const service = await start(t)
  const answer = await openTicket(service, await as('customer2', AUDIENCE, byOrderService), {
    ...NEW_TICKET,
    orderId: open.orderId,
    customerId: USERS.customer2.subject
  })
  t.same([answer.statusCode, answer.json().code], [409, 'SALLYPORT_RESTAURANT_TICKET_EXISTS'])
  t.notMatch(answer.body, open.ticketId)
})

t.test('a ticket that was accepted is withdrawn by nobody', async t => {
  const service = await start(t)
  for (const headers of [
    await as('customer1', AUDIENCE, byOrderService),
    await as('admin1', AUDIENCE, byOrderService),
    await own('order-service', 'tickets:recover')
  ]) {
    const answer = await cancelTicket(service, headers, accepted.ticketId)
    t.same([answer.statusCode, answer.json().code], [409, 'SALLYPORT_RESTAURANT_TICKET_STATE'])
  }
  t.equal(await stateOf(service, accepted.ticketId), 'ACCEPTED')
})

t.test('of a ticket from before customers were kept the acting party and the scope decide', async t => {
  const service = await start(t)
  await service.owner('tickets').where({ ticket_id: open.ticketId }).update({ customer_id: null })
  t.equal(
    (
      await cancelTicket(
        service,
        await as('customer1', AUDIENCE, { ...byOrderService, scope: 'orders:read' }),
        open.ticketId
      )
    ).statusCode,
    403
  )
  t.equal((await cancelTicket(service, await as('customer1', AUDIENCE, byOrderService), open.ticketId)).statusCode, 200)
})

t.test('only order-service itself recovers, and only with the scope for it', async t => {
  const service = await start(t)
  const refused = {
    'another client': await own('gateway', 'tickets:recover'),
    'without the scope': await own('order-service', 'orders:write restaurants:write'),
    'a session under its name': await own('order-service', 'tickets:recover', { sid: 's1' }),
    'another acts for it': await own('order-service', 'tickets:recover', { act: { sub: 'gateway' } })
  }
  for (const [what, headers] of Object.entries(refused)) {
    t.equal((await openTicket(service, headers)).statusCode, 403, `${what}: open`)
    t.equal((await cancelTicket(service, headers, open.ticketId)).statusCode, 403, `${what}: cancel`)
  }
  const recovery = await own('order-service', 'tickets:recover')
  t.equal((await openTicket(service, recovery)).statusCode, 201)
  t.equal((await cancelTicket(service, recovery, open.ticketId)).statusCode, 200)
  for (const url of ['/restaurants', `/restaurants/${anchor.restaurantId}/tickets`, '/audit']) {
    t.equal((await service.app.inject({ url, headers: recovery })).statusCode, 403, url)
  }
})

t.test('a ticket shows no customer', async t => {
  const service = await start(t)
  const opened = await openTicket(service, await as('customer1', AUDIENCE, byOrderService))
  t.notOk('customerId' in opened.json())
  const listed = await service.app.inject({
    url: `/restaurants/${anchor.restaurantId}/tickets`,
    headers: await as('restaurant1', AUDIENCE)
  })
  t.notMatch(listed.body, USERS.customer1.subject)
})
