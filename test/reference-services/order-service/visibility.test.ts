import { DEMO_ORDERS } from '@sallyport/chassis'
import t from 'tap'
import { as, USERS } from '../support.ts'
import { AUDIENCE, demoOrder, start } from './support.ts'

t.test('Z02: an order of somebody else can be neither read, cancelled nor listed, and the denial is audited', async t => {
  const service = await start(t)
  const foreign = demoOrder('APPROVED', 'customer1')
  const headers = await as('customer2', AUDIENCE)
  const read = await service.app.inject({ url: `/orders/${foreign.orderId}`, headers })
  const missing = await service.app.inject({ url: '/orders/90000000-0000-4000-8000-000000000000', headers })
  t.equal(read.statusCode, 404)
  t.same(read.json(), missing.json(), 'as if it did not exist')
  const cancelled = await service.app.inject({ method: 'POST', url: `/orders/${foreign.orderId}/cancel`, headers })
  t.equal(cancelled.statusCode, 404)
  t.equal((await service.owner('orders').where({ order_id: foreign.orderId }).first()).state, 'APPROVED')
  t.same(service.calls, [], 'and nobody else was asked')
  const list = await service.app.inject({ url: '/orders', headers })
  t.same(new Set(list.json().orders.map((order: { customerId: string }) => order.customerId)), new Set([USERS.customer2.subject]))
  const behind = await service.app.inject({ url: `/orders?after=${foreign.orderId}`, headers })
  t.same(behind.json().orders.filter((order: { customerId: string }) => order.customerId !== USERS.customer2.subject), [])
  const denials = (await service.audit()).filter(({ outcome }) => outcome === 'denied')
  t.match(denials.find(({ action }) => action === 'order.cancel'), { subject: USERS.customer2.subject, resource_type: 'order', resource_id: foreign.orderId, reason: String })
  t.same(denials.filter(({ action }) => action === 'order.read').map(({ subject, resource_id: id }) => [subject, id]), [
    [USERS.customer2.subject, foreign.orderId], [USERS.customer2.subject, '90000000-0000-4000-8000-000000000000']
  ], 'a walk over ids shows as what it is')
  t.equal(denials.length, 3)
})

t.test('a list is paged, newest first, without repeating or losing an order', async t => {
  const service = await start(t)
  const headers = await as('admin1', AUDIENCE)
  const seen: string[] = []
  let url = '/orders?limit=3'
  for (let pages = 0; pages < 3; pages++) {
    const page = (await service.app.inject({ url, headers })).json()
    seen.push(...page.orders.map((order: { orderId: string }) => order.orderId))
    if (pages === 2) t.equal(page.next, null)
    url = `/orders?limit=3&after=${page.next}`
  }
  t.same(seen, DEMO_ORDERS.map(({ orderId }) => orderId).toReversed())
  for (const query of ['limit=0', 'limit=101', 'limit=2x', 'limit=1e1', 'limit=+5', 'limit=5&limit=6', 'after=1', 'offset=3', 'customerId=x']) {
    t.equal((await service.app.inject({ url: `/orders?${query}`, headers })).statusCode, 400, query)
  }
})

t.test('the app role can neither remove orders nor change what was recorded', async t => {
  const service = await start(t)
  await t.rejects(service.db('orders').delete(), { code: '42501' })
  await t.rejects(service.db('audit_events').update({ action: 'x' }), { code: '42501' })
})
