// What was begun and left behind is finished by the services themselves.
import { randomUUID } from 'node:crypto'
import { DEMO_ORDERS, DEMO_RESTAURANTS } from '@sallyport/service-kit/demo'
import * as orderService from '@sallyport/order-service'
import t, { type Test } from 'tap'
import { age, beforeCalls, everything, manualSchedule, metric, once, proxied, send } from './support/recovery.ts'
import { startStack, type StackPart } from './support/stack.ts'
import { authority, SETTINGS, startService, startUpstream, USERS, type TestService } from './support/services.ts'

const [anchor] = DEMO_RESTAURANTS
const demoOpen = DEMO_ORDERS.find(({ ticket }) => ticket === 'OPEN')!
const NEW_ORDER = {
  restaurantId: anchor.restaurantId,
  lines: [{ menuItemId: anchor.items[0]!.menuItemId, quantity: 2 }],
  deliveryAddress: '1 Harbour Street'
}
const place = async (orders: TestService) => send(orders, 'order-service', 'customer1', 'POST', '/orders', NEW_ORDER)
const cancel = async (orders: TestService, orderId: string) =>
  send(orders, 'order-service', 'customer1', 'POST', `/orders/${orderId}/cancel`)
const accept = async (restaurants: TestService, ticketId: string) =>
  send(restaurants, 'restaurant-service', 'restaurant1', 'POST', `/tickets/${ticketId}/accept`)
const newest = async ({ owner }: TestService) => owner('orders').orderBy('created_at', 'desc').first()
const ticketOf = async ({ owner }: TestService, orderId: string) =>
  owner('tickets').where({ order_id: orderId }).first()

/** Runs recovery again and holds that nothing changes by it. */
async function again(
  t: Test,
  run: () => Promise<void>,
  { orders, restaurants, deliveries }: Awaited<ReturnType<typeof startStack>>
): Promise<void> {
  const look = async (): Promise<unknown> =>
    Promise.all([
      everything(orders, 'orders'),
      everything(restaurants, 'tickets'),
      everything(deliveries, 'deliveries')
    ])
  const before = await look()
  await run()
  t.same(await look(), before, 'run again, it changes nothing')
}

for (const mode of ['cut-before-commit', 'cut-after-commit'] as const) {
  t.test(`an order whose approval was ${mode} ends APPROVED, without a client`, async t => {
    const clock = manualSchedule()
    const database = proxied(t)
    const cut = beforeCalls(
      t,
      /^\/tickets$/,
      once(() => {
        database.proxy().set(mode, '', 'order-service-change-state')
      })
    )
    const stack = await startStack(t, {
      orders: { collaborators: { ...cut, recoverySchedule: clock.schedule }, through: database.through }
    })
    const { orders, restaurants } = stack
    const answer = await place(orders)
    t.same(
      [answer.statusCode, answer.json().code, answer.headers['retry-after']],
      [503, 'SALLYPORT_STORAGE_UNAVAILABLE', '5']
    )
    const left = await newest(orders)
    t.equal(left.state, mode === 'cut-before-commit' ? 'APPROVAL_PENDING' : 'APPROVED')
    await clock.run()
    t.equal((await newest(orders)).state, left.state, 'what is not old yet is left alone')
    await age(orders, 'orders')
    await clock.run()
    const ticket = await ticketOf(restaurants, left.order_id)
    t.match(await newest(orders), { state: 'APPROVED', ticket_id: ticket.ticket_id, begun: null, recover_after: null })
    t.match(
      (await orders.audit()).filter(({ action }) => action === 'order.approve'),
      [
        {
          outcome: 'success',
          resource_id: left.order_id,
          detail: { after: { ticketId: ticket.ticket_id } },
          ...(mode === 'cut-before-commit' && {
            reason: 'recovered',
            subject: 'order-service',
            client_id: 'order-service',
            actor: null
          })
        }
      ]
    )
    await age(orders, 'orders')
    await again(t, clock.run, stack)
  })

  t.test(`a cancellation that was ${mode} is carried out, without a client`, async t => {
    const clock = manualSchedule()
    const database = proxied(t)
    const cut = beforeCalls(
      t,
      /\/cancel$/,
      once(() => {
        database.proxy().set(mode, '', 'order-service-change-state')
      })
    )
    const stack = await startStack(t, {
      orders: { collaborators: { ...cut, recoverySchedule: clock.schedule }, through: database.through }
    })
    const { orders, restaurants } = stack
    t.equal((await cancel(orders, demoOpen.orderId)).statusCode, 503)
    const state = async (): Promise<string> =>
      (await orders.owner('orders').where({ order_id: demoOpen.orderId }).first()).state
    t.equal(await state(), mode === 'cut-before-commit' ? 'APPROVED' : 'CANCELLED')
    t.equal((await ticketOf(restaurants, demoOpen.orderId)).state, 'CANCELLED')
    await age(orders, 'orders')
    await clock.run()
    t.equal(await state(), 'CANCELLED')
    await age(orders, 'orders')
    await again(t, clock.run, stack)
  })

  t.test(`an accepted ticket whose delivery was ${mode} has it in the end, and one only`, async t => {
    const clock = manualSchedule()
    const database = proxied(t)
    const cut = beforeCalls(
      t,
      /^\/deliveries$/,
      once(() => {
        database.proxy().set(mode, 'update "tickets"')
      })
    )
    const stack = await startStack(t, {
      restaurants: { collaborators: { ...cut, recoverySchedule: clock.schedule }, through: database.through }
    })
    const { restaurants, deliveries } = stack
    t.equal((await accept(restaurants, demoOpen.ticketId)).statusCode, 503)
    await age(restaurants, 'tickets')
    await clock.run()
    const [delivery, ...more] = await deliveries.owner('deliveries').where({ ticket_id: demoOpen.ticketId })
    t.same(more, [])
    t.match(await ticketOf(restaurants, demoOpen.orderId), {
      state: 'ACCEPTED',
      delivery_id: delivery.delivery_id,
      recover_after: null
    })
    t.equal((await restaurants.audit()).filter(({ action }) => action === 'ticket.arrange-delivery').length, 1)
    await again(t, clock.run, stack)
  })
}

t.test(
  'a ticket accepted while delivery-service was away gets its delivery later, by restaurant-service itself',
  async t => {
    const clock = manualSchedule()
    let away = true
    const stack = await startStack(t, {
      restaurants: {
        collaborators: {
          ...beforeCalls(t, /^\/deliveries$/, () => (away ? 'lost' : undefined)),
          recoverySchedule: clock.schedule
        }
      }
    })
    const { restaurants, deliveries } = stack
    t.equal((await accept(restaurants, demoOpen.ticketId)).statusCode, 502)
    away = false
    await age(restaurants, 'tickets')
    await clock.run()
    const delivery = await deliveries.owner('deliveries').where({ ticket_id: demoOpen.ticketId }).first()
    t.match(await ticketOf(restaurants, demoOpen.orderId), { state: 'ACCEPTED', delivery_id: delivery.delivery_id })
    t.match((await restaurants.audit()).at(-1), {
      action: 'ticket.arrange-delivery',
      reason: 'recovered',
      subject: 'restaurant-service',
      resource_id: demoOpen.ticketId
    })
    t.match((await deliveries.audit()).at(-1), {
      action: 'delivery.open',
      subject: 'restaurant-service',
      client_id: 'restaurant-service',
      actor: null
    })
    await again(t, clock.run, stack)
  }
)

/** order-service beside a restaurant-service that answers as told. */
async function startOrders(
  t: Test,
  answers: { open?: [number, object]; cancel?: [number, object] },
  part: StackPart = {}
) {
  const clock = manualSchedule()
  const asked: string[] = []
  const tokens: Array<Record<string, unknown>> = []
  const origin = await startUpstream(t, app => {
    app.post('/tickets', async (request, reply) => {
      const { orderId } = request.body as { orderId: string }
      asked.push(orderId)
      tokens.push(
        JSON.parse(Buffer.from(request.headers.authorization!.split('.')[1]!, 'base64url').toString()) as Record<
          string,
          unknown
        >
      )
      return reply.code(answers.open?.[0] ?? 200).send(answers.open?.[1] ?? { ticketId: orderId, state: 'OPEN' })
    })
    app.post('/tickets/:id/cancel', async (request, reply) => {
      asked.push(request.url)
      return reply.code(answers.cancel?.[0] ?? 200).send(answers.cancel?.[1] ?? { ticketId: randomUUID() })
    })
  })
  const settings = { ...SETTINGS, restaurantServiceOrigin: origin }
  const orders = await startService(t, orderService, settings, {
    recoverySchedule: clock.schedule,
    ...part.collaborators
  })
  return { orders, clock, asked, tokens, settings }
}

/** Puts orders there that wait for their ticket. */
async function leaveBehind({ owner }: TestService, count: number, more: object = {}): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await owner('orders').insert(
    ids.map(id => ({
      order_id: id,
      customer_id: USERS.customer1.subject,
      restaurant_id: anchor.restaurantId,
      state: 'APPROVAL_PENDING',
      total_cents: 0,
      delivery_address: 'here',
      begun: 'place',
      recover_after: owner.raw("now() - interval '1 second'"),
      ...more
    }))
  )
  await owner('order_lines').insert(
    ids.map(id => ({
      order_id: id,
      position: 0,
      menu_item_id: randomUUID(),
      name: 'Chips',
      quantity: 1,
      price_cents: 0
    }))
  )
  return ids
}
const row = async ({ owner }: TestService, orderId: string | undefined) =>
  owner('orders').where({ order_id: orderId }).first()

t.test('recovery asks with the service’s own token, for its one scope, in nobody’s name', async t => {
  const { orders, clock, tokens } = await startOrders(t, {})
  await leaveBehind(orders, 1)
  await clock.run()
  t.match(tokens, [
    {
      sub: 'order-service',
      client_id: 'order-service',
      aud: 'restaurant-service',
      scope: 'tickets:recover',
      act: undefined
    }
  ])
})

t.test('each answer of the restaurant ends an order that was left behind', async t => {
  const old = { created_at: new Date(Date.now() - 3_600_000) }
  const cancelling = { begun: 'cancel' }
  const cases: ReadonlyArray<
    [string, Parameters<typeof startOrders>[1], object, { state: string; reason: string | undefined }]
  > = [
    ['no such dish', { open: [409, {}] }, {}, { state: 'REJECTED', reason: 'restaurant-refused' }],
    [
      'a ticket that was withdrawn',
      { open: [200, { ticketId: randomUUID(), state: 'CANCELLED' }] },
      {},
      { state: 'CANCELLED', reason: 'ticket-withdrawn' }
    ],
    ['an order that nobody waits for', {}, old, { state: 'CANCELLED', reason: 'recovered-too-late' }],
    ['an old order that is being cooked', { cancel: [409, {}] }, old, { state: 'APPROVED', reason: 'recovered' }],
    ['a cancellation', {}, cancelling, { state: 'CANCELLED', reason: 'recovered' }],
    [
      'a cancellation of what no restaurant takes',
      { open: [404, {}] },
      cancelling,
      { state: 'CANCELLED', reason: 'recovered' }
    ]
  ]
  const answers: Parameters<typeof startOrders>[1] = {}
  const { orders, clock } = await startOrders(t, answers)
  for (const [what, { open, cancel }, more, { state, reason }] of cases) {
    Object.assign(answers, { open, cancel })
    const [id] = await leaveBehind(orders, 1, more)
    await clock.run()
    t.match(await row(orders, id), { state, begun: null, recover_after: null }, what)
    t.match(
      (await orders.audit()).filter(event => event.resource_id === id).map(event => event.reason),
      [reason],
      what
    )
  }
})

t.test('a cancellation of what the restaurant has accepted is given up, and the order approved', async t => {
  const { orders, clock } = await startOrders(t, { cancel: [409, {}] })
  const [id] = await leaveBehind(orders, 1, { begun: 'cancel' })
  await clock.run()
  t.match(await row(orders, id), { state: 'APPROVED', begun: null })
})

t.test('while the restaurant is away orders stay as they are, and a run asks no more than five times', async t => {
  const { orders, clock, asked } = await startOrders(t, { open: [503, {}] })
  const ids = await leaveBehind(orders, 12)
  await clock.run()
  t.equal(asked.length, 5)
  t.equal(
    (await orders.owner('orders').whereIn('order_id', ids).where({ state: 'APPROVAL_PENDING', begun: 'place' })).length,
    12
  )
  t.same(await orders.audit(), [])
  t.equal(await metric(orders, 'sallyport_recovery_pending'), 12)
  t.equal(await metric(orders, 'sallyport_recovery_rows_total'), 5)
})

t.test('a run takes up a hundred rows at most, oldest first, and says how many wait', async t => {
  const { orders, clock, asked } = await startOrders(t, {})
  await leaveBehind(orders, 130)
  const [oldest] = await leaveBehind(orders, 1, { recover_after: new Date(0) })
  await clock.run()
  t.equal(asked.length, 100)
  t.ok(asked.slice(0, 5).includes(oldest ?? ''))
  t.equal(await metric(orders, 'sallyport_recovery_pending'), 31)
  await clock.run()
  t.equal(asked.length, 131)
  t.equal(await metric(orders, 'sallyport_recovery_pending'), 0)
})

t.test('of two replicas at once each order is taken up by one', async t => {
  const { orders, clock, asked, settings } = await startOrders(t, {})
  const other = await orderService.buildApp(settings, {
    db: orders.db,
    keys: authority.keys,
    tokenClient: authority.tokenClient('order-service'),
    recoverySchedule: clock.schedule
  })
  t.after(async () => {
    await other.close()
  })
  await other.ready()
  const ids = await leaveBehind(orders, 60)
  await clock.run()
  t.same(asked.toSorted(), ids.toSorted(), 'asked once for each')
  t.same((await orders.audit()).map(event => event.resource_id).toSorted(), ids.toSorted(), 'recorded once for each')
})

t.test('a row that another replica holds is waited for neither by recovery nor twice', async t => {
  const { orders, clock, asked } = await startOrders(t, {})
  const [held, free] = await leaveBehind(orders, 2)
  const lock = await orders.owner.transaction()
  await lock('orders').where({ order_id: held }).forUpdate().select('order_id')
  await clock.run()
  t.same(asked, [free])
  await lock.commit()
  await clock.run()
  t.same(asked, [free, held])
})

t.test('a database that is away ends a run and no process', async t => {
  const database = proxied(t)
  const clock = manualSchedule()
  const orders = await startService(
    t,
    orderService,
    { ...SETTINGS, restaurantServiceOrigin: 'http://127.0.0.1:1' },
    { recoverySchedule: clock.schedule },
    database.through
  )
  database.proxy().set('stopped')
  await clock.run()
  database.proxy().set('pass')
  await clock.run()
  t.equal(await metric(orders, 'sallyport_recovery_pending'), 0)
})
