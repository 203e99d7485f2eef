import { DEMO_ORDERS } from '@sallyport/service-kit/demo'
import t from 'tap'
import { as, USERS } from '../support/services.ts'
import { AUDIENCE, demoOrder, start } from './support/order-service.ts'

t.test(
  'Z02: an order of somebody else can be neither read, cancelled nor listed, and the denial is audited',
  async t => {
    const service = await start(t)
    const foreign = demoOrder('APPROVED', 'customer1')
    const headers = await as('customer2', AUDIENCE)
    const read = await service.app.inject({ url: `/orders/${foreign.orderId}`, headers })
    const missing = await service.app.inject({ url: '/orders/90000000-0000-4000-8000-000000000000', headers })
    t.equal(read.statusCode, 404)
    t.same(
      { ...read.json(), requestId: read.headers['x-request-id'] },
      { ...missing.json(), requestId: read.headers['x-request-id'] },
      'as if it did not exist'
    )
    const cancelled = await service.app.inject({ method: 'POST', url: `/orders/${foreign.orderId}/cancel`, headers })
    t.equal(cancelled.statusCode, 404)
    t.equal((await service.owner('orders').where({ order_id: foreign.orderId }).first()).state, 'APPROVED')
    t.same(service.calls, [], 'and nobody else was asked')
    const list = await service.app.inject({ url: '/orders', headers })
    t.same(
      new Set(list.json().orders.map((order: { customerId: string }) => order.customerId)),
      new Set([USERS.customer2.subject])
    )
    const denials = (await service.audit()).filter(({ outcome }) => outcome === 'denied')
    t.match(
      denials.find(({ action }) => action === 'order.cancel'),
      { subject: USERS.customer2.subject, resource_type: 'order', resource_id: foreign.orderId, reason: String }
    )
    t.same(
      denials.filter(({ action }) => action === 'order.read').map(({ subject, resource_id: id }) => [subject, id]),
      [
        [USERS.customer2.subject, foreign.orderId],
        [USERS.customer2.subject, '90000000-0000-4000-8000-000000000000']
      ],
      'a walk over ids shows as what it is'
    )
    t.equal(denials.length, 3)
  }
)

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
  for (const query of [
    'limit=0',
    'limit=101',
    'limit=2x',
    'limit=1e1',
    'limit=+5',
    'limit=5&limit=6',
    'after=1',
    'offset=3',
    'customerId=x'
  ]) {
    t.equal((await service.app.inject({ url: `/orders?${query}`, headers })).statusCode, 400, query)
  }
})

/** A cursor as a page would end with it, or would not. */
const cursor = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

t.test('a cursor tells nothing about orders that the caller may not see', async t => {
  const service = await start(t)
  const headers = await as('customer2', AUDIENCE)
  const pageAfter = async (after: string) => service.app.inject({ url: `/orders?after=${after}`, headers })
  const foreign = demoOrder('CANCELLED', 'customer1')
  const at = (await service.owner('orders').where({ order_id: foreign.orderId }).first()).created_at
    .toISOString()
    .replace('Z', '000Z')
  const hidden = await pageAfter(cursor(at, foreign.orderId))
  const missing = await pageAfter(cursor(at, foreign.orderId.replace(/.$/, '9')))
  t.equal(hidden.statusCode, 200)
  t.same(hidden.json(), missing.json(), 'that of a hidden order and that of none')
  t.same(
    new Set(hidden.json().orders.map((order: { customerId: string }) => order.customerId)),
    new Set([USERS.customer2.subject])
  )
  t.equal((await pageAfter(foreign.orderId)).statusCode, 400, 'an id is no position')
})

t.test('a page that ends between two orders of one instant loses and repeats none', async t => {
  const service = await start(t)
  await service.owner('orders').update({ created_at: '2026-01-01T12:00:00.123456Z' })
  const headers = await as('admin1', AUDIENCE)
  const seen: string[] = []
  let after = ''
  do {
    const page = (await service.app.inject({ url: `/orders?limit=2${after}`, headers })).json()
    seen.push(...page.orders.map((order: { orderId: string }) => order.orderId))
    after = page.next === null ? '' : `&after=${page.next}`
  } while (after !== '')
  t.same(
    seen,
    DEMO_ORDERS.map(({ orderId }) => orderId)
      .toSorted()
      .toReversed()
  )
})

t.test('a cursor that no page ended with is 400', async t => {
  const service = await start(t)
  const headers = await as('customer1', AUDIENCE)
  const id = DEMO_ORDERS[0]!.orderId
  const at = '2026-01-01T12:00:00.000000Z'
  const made = [
    cursor(at),
    cursor(at, id, 1),
    cursor(id, at),
    cursor(at, '00000000-0000-4000-8000-0003000000AB'),
    cursor(at, `${id} or true`),
    cursor(1, id),
    cursor('now', id),
    cursor('infinity', id),
    cursor('2026-02-30T12:00:00.000000Z', id),
    cursor('2026-01-01T24:00:00.000000Z', id),
    cursor('0000-01-01T12:00:00.000000Z', id),
    cursor('2026-01-01T12:00:00.000Z', id),
    Buffer.from(`["${at}", "${id}"]`).toString('base64url'),
    Buffer.from('{}').toString('base64url'),
    Buffer.from('null').toString('base64url'),
    'x'
  ]
  for (const after of made) {
    const answer = await service.app.inject({ url: `/orders?after=${after}`, headers })
    t.same(
      [answer.statusCode, answer.json().code],
      [400, 'SALLYPORT_SERVICE_CURSOR_INVALID'],
      Buffer.from(after, 'base64url').toString()
    )
  }
  for (const after of ['', 'a=', 'a/b', '%00', 'x'.repeat(129)]) {
    t.equal((await service.app.inject({ url: `/orders?after=${after}`, headers })).statusCode, 400)
  }
  t.equal((await service.app.inject({ url: `/orders?after=${cursor(at, id)}`, headers })).statusCode, 200)
})

t.test('the app role can neither remove orders nor change what was recorded', async t => {
  const service = await start(t)
  await t.rejects(service.db('orders').delete(), { code: '42501' })
  await t.rejects(service.db('audit_events').update({ action: 'x' }), { code: '42501' })
})
