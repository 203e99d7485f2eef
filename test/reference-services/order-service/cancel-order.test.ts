import { DEMO_ORDERS } from '@sallyport/service-kit/demo'
import t from 'tap'
import { as, USERS } from '../support/services.ts'
import { AUDIENCE, cancel, demoOrder, newest, place, start, TICKET_ID, type Answers } from './support/order-service.ts'

t.test(
  'an order whose answer got lost stays APPROVAL_PENDING, and cancelling it withdraws the ticket that may be open',
  async t => {
    const answers: Answers = { openTicket: [503, {}] }
    const service = await start(t, answers)
    const answer = await place(service)
    t.equal(answer.statusCode, 503)
    t.equal(answer.json().code, 'SALLYPORT_ORDER_RESTAURANT_UNAVAILABLE')
    t.equal(answer.headers['retry-after'], '5')
    const { order_id: orderId, state } = await newest(service)
    t.equal(state, 'APPROVAL_PENDING')
    t.equal((await cancel(service, orderId)).statusCode, 503, 'not cancelled while nobody can say')
    delete answers.openTicket
    service.calls.length = 0
    const cancelled = await cancel(service, orderId)
    t.match(cancelled.json(), { state: 'CANCELLED', ticketId: TICKET_ID })
    t.same(
      service.calls.map(({ path }) => path),
      ['POST /tickets', `POST /tickets/${TICKET_ID}/cancel`]
    )
  }
)

t.test('an order that was cancelled while the restaurant was asked keeps no ticket', async t => {
  const answers: Answers = {}
  const service = await start(t, answers)
  answers.beforeTicket = async () => {
    await service.owner('orders').where({ state: 'APPROVAL_PENDING' }).update({ state: 'CANCELLED' })
  }
  const answer = await place(service)
  t.equal(answer.json().state, 'CANCELLED')
  t.equal(service.calls.at(-1)?.path, `POST /tickets/${TICKET_ID}/cancel`)
})

t.test('cancelling withdraws the ticket, is recorded with before and after, and can be repeated', async t => {
  const service = await start(t)
  const { orderId, ticketId } = demoOrder('APPROVED', 'customer1')
  const first = await cancel(service, orderId)
  t.equal(first.statusCode, 200)
  t.equal(first.json().state, 'CANCELLED')
  t.same(
    service.calls.map(({ path }) => path),
    [`POST /tickets/${ticketId}/cancel`]
  )
  const second = await cancel(service, orderId)
  t.equal(second.statusCode, 200)
  t.same(second.json(), first.json())
  t.equal(service.calls.length, 1, 'the restaurant is asked once')
  t.match(await service.audit(), [
    { action: 'order.begin-cancel', outcome: 'success', resource_id: orderId, subject: USERS.customer1.subject },
    {
      action: 'order.cancel',
      outcome: 'success',
      resource_id: orderId,
      detail: { before: { state: 'APPROVED' }, after: { state: 'CANCELLED' } }
    },
    { action: 'order.cancel', outcome: 'success', reason: 'already-cancelled' }
  ])
})

t.test('an order that the restaurant has accepted, or that was rejected, cannot be cancelled', async t => {
  const service = await start(t, { cancelTicket: [409, {}] })
  const { orderId } = demoOrder('APPROVED', 'customer1')
  const accepted = await cancel(service, orderId)
  t.equal(accepted.statusCode, 409)
  t.equal(accepted.json().code, 'SALLYPORT_ORDER_NOT_CANCELLABLE')
  t.equal((await service.owner('orders').where({ order_id: orderId }).first()).state, 'APPROVED')
  const rejected = await service.app.inject({
    method: 'POST',
    url: `/orders/${demoOrder('REJECTED', 'customer2').orderId}/cancel`,
    headers: await as('customer2', AUDIENCE)
  })
  t.equal(rejected.statusCode, 409)
  t.equal(service.calls.length, 1, 'and no ticket is asked for again')
  t.match(
    (await service.audit()).map(({ action, outcome }) => `${action} ${outcome}`),
    ['order.begin-cancel success', 'order.cancel failure', 'order.cancel failure']
  )
})

t.test('without its audit row no order is stored and none is cancelled', async t => {
  const service = await start(t)
  await service.owner.raw('revoke insert on audit_events from ??', ['test_order-service_app'])
  await service.owner.raw('revoke insert (id) on audit_events from ??', ['test_order-service_app'])
  t.ok((await place(service)).statusCode >= 500)
  t.equal((await service.owner('orders')).length, DEMO_ORDERS.length)
  const { orderId } = demoOrder('APPROVED', 'customer1')
  t.ok((await cancel(service, orderId)).statusCode >= 500)
  t.equal((await service.owner('orders').where({ order_id: orderId }).first()).state, 'APPROVED')
})
