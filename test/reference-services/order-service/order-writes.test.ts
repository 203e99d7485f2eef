import { randomUUID } from 'node:crypto'
import type { AuditRecord } from '@sallyport/audit-log'
import t from 'tap'
import type { StoredOrder } from '../../../reference-services/order-service/src/orders/order.ts'
import { orderWritesOn } from '../../../reference-services/order-service/src/orders/order-writes.ts'
import type { StateChange } from '../../../reference-services/order-service/src/orders/order-statements.ts'
import { sampleRecord } from '../../support/sample-record.ts'
import { connect } from '../../support/database.ts'
import { as } from '../support/services.ts'
import { anchor, AUDIENCE, NEW_ORDER, place, start, TICKET_ID, type Answers } from './support/order-service.ts'

const answers: Answers = {}
const service = await start(t, answers)
const { db, owner } = service
const writes = orderWritesOn(db)

const someOrder = (more: Partial<StoredOrder> = {}): StoredOrder => ({
  orderId: randomUUID(),
  customerId: 'customer',
  restaurantId: anchor.restaurantId,
  state: 'APPROVAL_PENDING',
  ticketId: null,
  lines: anchor.items.slice(0, 2).map(item => ({ ...item, quantity: 1 })),
  totalCents: 100,
  deliveryAddress: '1 Harbour Street',
  createdAt: new Date(),
  ...more
})
const BEGUN = { ageMs: 60_000, txn: 'txn-1' }

interface Asked {
  readonly order: StoredOrder
  readonly row: AuditRecord
}
const asked = (order = someOrder()): Asked => ({ order, row: sampleRecord('order.place') })
const insert = async ({ order, row }: Asked, at = db, to = writes): Promise<boolean> =>
  await to.insert(at, { order, begun: BEGUN }, row)

/** Orders that nothing was done with yet. */
async function waitingOrders(count: number): Promise<StoredOrder[]> {
  const orders = Array.from({ length: count }, () => someOrder())
  await Promise.all(orders.map(async order => await insert(asked(order))))
  return orders
}
const moving = (
  { orderId }: StoredOrder,
  state: StateChange['to']['state'] = 'APPROVED',
  from: StateChange['from'] = ['APPROVAL_PENDING']
): { readonly change: StateChange; readonly row: AuditRecord } => ({
  change: { orderId, from, to: { state, ticketId: state === 'APPROVED' ? TICKET_ID : null } },
  row: sampleRecord(`order.to-${state}`)
})
const move = async ({ change, row }: ReturnType<typeof moving>, to = writes): Promise<boolean> =>
  await to.changeState(db, change, row)

const stored = async ({ orderId }: StoredOrder): Promise<{ state: string; xmin: string } | undefined> =>
  await owner('orders').where({ order_id: orderId }).select('state', owner.raw('xmin::text')).first()
/** The commit that these rows are in; `undefined` where there is none. */
async function commitOf({ id }: AuditRecord): Promise<string | undefined> {
  const found: { xmin: string } | undefined = await owner('audit_events')
    .where({ id })
    .select(owner.raw('xmin::text'))
    .first()
  return found?.xmin
}

t.test('new orders go together: each is in the commit of its own row, and one commit has several', async t => {
  const all = Array.from({ length: 12 }, () => asked())
  t.strictSame(new Set(await Promise.all(all.map(async one => await insert(one)))), new Set([true]))
  const commits = await Promise.all(all.map(async ({ row }) => await commitOf(row)))
  t.strictSame(
    (await Promise.all(all.map(async ({ order }) => await stored(order)))).map(found => found?.xmin),
    commits
  )
  t.ok(new Set(commits).size < all.length)
  const lines = await owner('order_lines').whereIn(
    'order_id',
    all.map(({ order }) => order.orderId)
  )
  t.equal(lines.length, all.length * 2)
})

t.test('an order that the database does not take fails by itself, with its row', async t => {
  const [line] = someOrder().lines
  if (line === undefined) throw new Error('no line')
  const refused: Record<string, [Partial<StoredOrder>, string]> = {
    'no text of PostgreSQL': [{ deliveryAddress: 'with \0' }, '22021'],
    'no number of PostgreSQL': [{ totalCents: 2 ** 40 }, '22003'],
    'a line against a constraint': [{ lines: [{ ...line, quantity: 0 }] }, '23514']
  }
  for (const [what, [wrong, code]] of Object.entries(refused)) {
    const [one, bad, other] = [asked(), asked(someOrder(wrong)), asked()]
    const [first, failed, last] = await Promise.allSettled([insert(one), insert(bad), insert(other)])
    t.match(failed, { status: 'rejected', reason: { code } }, what)
    t.match([first, last], [{ value: true }, { value: true }], what)
    t.strictSame([await stored(bad.order), await commitOf(bad.row)], [undefined, undefined], what)
    t.equal((await stored(one.order))?.xmin, await commitOf(one.row), what)
    t.equal((await stored(other.order))?.xmin, await commitOf(other.row), what)
  }
})

t.test('a row that cannot be written takes its order with it, and no other', async t => {
  const [good, bad] = [asked(), asked()]
  const broken = { ...bad, row: { ...bad.row, outcome: 'other' as 'success' } }
  const [done, failed] = await Promise.allSettled([insert(good), insert(broken)])
  t.match([done, failed], [{ value: true }, { status: 'rejected', reason: { code: '23514' } }])
  t.equal((await stored(good.order))?.xmin, await commitOf(good.row))
  t.strictSame([await stored(bad.order), await commitOf(bad.row)], [undefined, undefined])
})

t.test('of two changes of one order that go together one is done, with its row; the other finds it done', async t => {
  const [one, other] = await waitingOrders(2)
  if (one === undefined || other === undefined) throw new Error('no orders')
  const changes = [moving(one), moving(one, 'REJECTED'), moving(other)]
  const done = await Promise.all(changes.map(async change => await move(change)))
  t.strictSame(done.slice(0, 2).toSorted(), [false, true])
  t.equal(done[2], true)
  for (const [place, { change, row }] of changes.entries()) {
    const commit = await commitOf(row)
    t.equal(commit !== undefined, done[place], change.to.state)
    if (done[place] === true) t.match(await stored({ ...one, orderId: change.orderId }), { state: change.to.state })
  }
})

t.test('a second change that may follow the first one follows it', async t => {
  const [order] = await waitingOrders(1)
  if (order === undefined) throw new Error('no order')
  const changes = [moving(order), moving(order, 'CANCELLED', ['APPROVAL_PENDING', 'APPROVED'])]
  const done = await Promise.all(changes.map(async change => await move(change)))
  t.equal(done[1], true)
  t.match(await stored(order), { state: 'CANCELLED' })
  t.equal((await commitOf(changes[0]!.row)) !== undefined, done[0], 'the first has its row if it was the first')
})

t.test('an order that somebody has holds up no other, and what he did with it counts', async t => {
  const [held, moved, free] = await waitingOrders(3)
  if (held === undefined || moved === undefined || free === undefined) throw new Error('no orders')
  const changes = [moving(held), moving(moved), moving(free)] as const
  const waiting = await owner.transaction(async trx => {
    await trx('orders').where({ order_id: held.orderId }).update({ delivery_address: 'elsewhere' })
    await trx('orders')
      .where({ order_id: moved.orderId })
      .update({ state: 'CANCELLED', begun: null, recover_after: null })
    const asked = [move(changes[0]), move(changes[1]), move(changes[2])] as const
    t.equal(await asked[2], true, 'while the others wait')
    return [asked[0], asked[1]]
  })
  t.strictSame(await Promise.all(waiting), [true, false])
  t.match([await stored(held), await stored(moved)], [{ state: 'APPROVED' }, { state: 'CANCELLED' }])
  t.equal(await commitOf(changes[1].row), undefined)
  t.ok(await commitOf(changes[0].row))
})

t.test('two processes that move the same orders in opposite order block each other nowhere', async t => {
  const pool = connect(owner.client.config.connection as string)
  t.teardown(() => pool.destroy())
  const orders = await waitingOrders(20)
  const changes = [orders.map(order => moving(order)), orders.map(order => moving(order)).toReversed()] as const
  const elsewhere = orderWritesOn(pool)
  const done = await Promise.all([
    ...changes[0].map(async change => await move(change)),
    ...changes[1].map(async ({ change, row }) => await elsewhere.changeState(pool, change, row))
  ])
  t.equal(done.filter(Boolean).length, orders.length, 'each order is moved once')
  const ids = changes.flat().flatMap(({ row: { id } }, place) => (done[place] === true ? [id] : []))
  const rows: { id: string }[] = await owner('audit_events').whereIn(
    'id',
    changes.flat().map(({ row }) => row.id)
  )
  t.strictSame(rows.map(({ id }) => id).toSorted(), ids.toSorted())
})

t.test('in a transaction that fails there is neither an order nor its row', async t => {
  const one = asked()
  const failed = db.transaction(async trx => {
    t.equal(await insert(one, trx), true)
    throw new Error('planned')
  })
  await t.rejects(failed, { message: 'planned' })
  t.strictSame([await stored(one.order), await commitOf(one.row)], [undefined, undefined])
})

t.test(
  'customers who order at the same time, one of whom goes away: no order without its rows, no row without',
  async t => {
    const before: { order_id: string }[] = await owner('orders').select('order_id')
    const away = new AbortController()
    answers.beforeTicket = async () => away.abort()
    const headers = await as('customer1', AUDIENCE)
    const gone = service.app.inject({
      method: 'POST',
      url: '/orders',
      headers,
      payload: NEW_ORDER,
      signal: away.signal
    })
    const [, ...answered] = await Promise.allSettled([gone, ...Array.from({ length: 6 }, () => place(service))])
    t.ok(away.signal.aborted)
    t.match(
      answered,
      answered.map(() => ({ value: { statusCode: 201 } }))
    )
    const recorded = (action: string): string =>
      `(select count(*)::int from audit_events
      where resource_id = order_id::text and action = '${action}' and outcome = 'success')`
    // One statement, so that what is still under way for the one who went away is seen whole or not at all.
    const orders: { state: string; placed: number; approved: number }[] = await owner('orders')
      .whereNotIn(
        'order_id',
        before.map(({ order_id: id }) => id)
      )
      .select(
        'state',
        owner.raw(`${recorded('order.place')} as placed`),
        owner.raw(`${recorded('order.approve')} as approved`)
      )
    t.ok(orders.length === 6 || orders.length === 7)
    for (const { state, ...rows } of orders) t.strictSame(rows, { placed: 1, approved: state === 'APPROVED' ? 1 : 0 })
  }
)

t.end()
