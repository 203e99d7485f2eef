import { DEMO_ORDERS } from '@sallyport/service-kit/demo'
import * as deliveryService from '@sallyport/delivery-service'
import t, { type Test } from 'tap'
import { as, authority, SETTINGS, startService, USERS, type TestService, type Username } from '../support/services.ts'

const AUDIENCE = 'delivery-service'
const uuid = (number: number): string => `20000000-0000-4000-8000-00000000000${number}`
const NEW_DELIVERY = { ticketId: uuid(1), orderId: uuid(2), restaurantId: uuid(3), deliveryAddress: '1 Harbour Street' }
const demo = (state: string, courier: string | null) =>
  DEMO_ORDERS.find(({ delivery }) => delivery?.state === state && delivery.courier === courier)!
const offered = demo('SCHEDULED', null)
const accepted = demo('ACCEPTED', 'courier1')
const pickedUp = demo('PICKED_UP', 'courier2')

const start = (t: Test): Promise<TestService> => startService(t, deliveryService, SETTINGS)

async function step(service: TestService, courier: Username, name: string, deliveryId: string) {
  return service.app.inject({
    method: 'POST',
    url: `/deliveries/${deliveryId}/${name}`,
    headers: await as(courier, AUDIENCE)
  })
}

async function open(service: TestService, payload: object = NEW_DELIVERY) {
  return service.app.inject({
    method: 'POST',
    url: '/deliveries',
    headers: await as('restaurant1', AUDIENCE, { actor: 'restaurant-service' }),
    payload
  })
}

t.test('a delivery goes from offered to delivered, each step with its audit row', async t => {
  const service = await start(t)
  const { deliveryId } = (await open(service)).json()
  for (const [name, state] of [
    ['accept', 'ACCEPTED'],
    ['pickup', 'PICKED_UP'],
    ['deliver', 'DELIVERED']
  ] as const) {
    const answer = await step(service, 'courier1', name, deliveryId)
    t.equal(answer.statusCode, 200)
    t.match(answer.json(), { state, courierId: USERS.courier1.subject })
  }
  t.match(await service.audit(), [
    { action: 'delivery.open', resource_id: deliveryId, actor: { subject: 'restaurant-service' } },
    {
      action: 'delivery.accept',
      subject: USERS.courier1.subject,
      detail: {
        before: { state: 'SCHEDULED', courierId: null },
        after: { state: 'ACCEPTED', courierId: USERS.courier1.subject }
      }
    },
    { action: 'delivery.pickup', detail: { before: { state: 'ACCEPTED' }, after: { state: 'PICKED_UP' } } },
    { action: 'delivery.deliver', detail: { before: { state: 'PICKED_UP' }, after: { state: 'DELIVERED' } } }
  ])
})

t.test('a step out of order is refused with 409 and changes nothing', async t => {
  const service = await start(t)
  const early = await step(service, 'courier1', 'deliver', accepted.deliveryId)
  t.equal(early.statusCode, 409)
  t.equal(early.json().code, 'SALLYPORT_DELIVERY_STATE')
  const back = await step(service, 'courier2', 'accept', pickedUp.deliveryId)
  t.equal(back.statusCode, 409)
  const rows = await service
    .owner('deliveries')
    .whereIn('delivery_id', [accepted.deliveryId, pickedUp.deliveryId])
    .orderBy('delivery_id')
  t.match(rows, [{ state: 'ACCEPTED' }, { state: 'PICKED_UP' }])
  t.match(
    (await service.audit()).map(({ action, outcome }) => `${action} ${outcome}`),
    ['delivery.deliver failure', 'delivery.accept failure']
  )
})

t.test('a step that was taken already is answered again', async t => {
  const service = await start(t)
  const first = await step(service, 'courier1', 'pickup', accepted.deliveryId)
  const second = await step(service, 'courier1', 'pickup', accepted.deliveryId)
  t.equal(second.statusCode, 200)
  t.same(second.json(), first.json())
  t.match((await service.audit()).at(-1), { action: 'delivery.pickup', reason: 'already-done' })
})

t.test('of two couriers who accept at the same time exactly one gets the delivery', async t => {
  const service = await start(t)
  const couriers = ['courier1', 'courier2'] as const
  // Both have read the row and passed the policy before either writes: the row is locked until then.
  const lock = await service.owner.transaction()
  await lock('deliveries').where({ delivery_id: offered.deliveryId }).forUpdate().select('delivery_id')
  const pending = couriers.map(courier => step(service, courier, 'accept', offered.deliveryId))
  while ((await waiting(service)) < 2) await new Promise(resolve => setImmediate(resolve))
  await lock.commit()
  const answers = await Promise.all(pending)
  t.same(answers.map(({ statusCode }) => statusCode).toSorted(), [200, 409])
  const winner = couriers[answers.findIndex(({ statusCode }) => statusCode === 200)]!
  t.match(await service.owner('deliveries').where({ delivery_id: offered.deliveryId }).first(), {
    state: 'ACCEPTED',
    courier_id: USERS[winner].subject
  })
  t.equal((await service.audit()).filter(({ outcome }) => outcome === 'success').length, 1)
  const loser = couriers.find(courier => courier !== winner)!
  t.equal(
    (await step(service, loser, 'accept', offered.deliveryId)).statusCode,
    404,
    'from then on it is no longer offered'
  )
})

/** How many statements wait for the locked row. */
async function waiting({ owner }: TestService): Promise<number> {
  const { rows } = await owner.raw(
    "select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  )
  return rows[0].count
}

t.test('Z02: a courier sees and moves what is offered or theirs, and nothing else', async t => {
  const service = await start(t)
  const idsOf = async (user: Username): Promise<string[]> => {
    const answer = await service.app.inject({ url: '/deliveries', headers: await as(user, AUDIENCE) })
    return answer
      .json()
      .deliveries.map(({ deliveryId }: { deliveryId: string }) => deliveryId)
      .toSorted()
  }
  const idsFor = (courier: string) =>
    DEMO_ORDERS.flatMap(({ delivery, deliveryId }) =>
      delivery !== null && [courier, null].includes(delivery.courier) ? [deliveryId] : []
    )
  t.same(await idsOf('courier1'), idsFor('courier1'))
  t.same(await idsOf('courier2'), idsFor('courier2'))
  t.equal((await idsOf('admin1')).length, 4)
  for (const name of ['accept', 'pickup', 'deliver']) {
    t.equal((await step(service, 'courier2', name, accepted.deliveryId)).statusCode, 404, name)
  }
  t.match(await service.owner('deliveries').where({ delivery_id: accepted.deliveryId }).first(), {
    state: 'ACCEPTED',
    courier_id: USERS.courier1.subject
  })
  t.equal(
    (await service.audit()).filter(({ outcome, subject }) => outcome === 'denied' && subject === USERS.courier2.subject)
      .length,
    3
  )
  t.equal(
    (await step(service, 'courier1', 'pickup', offered.deliveryId)).statusCode,
    404,
    'what is offered is not theirs yet'
  )
})

t.test('Z03: a new delivery says neither its state nor its courier', async t => {
  const service = await start(t)
  for (const extra of [
    { state: 'DELIVERED' },
    { courierId: USERS.courier1.subject },
    { deliveryId: uuid(4) },
    { deliveryAddress: '' }
  ]) {
    t.equal((await open(service, { ...NEW_DELIVERY, ...extra })).statusCode, 400, JSON.stringify(extra))
  }
  t.equal((await service.owner('deliveries')).length, 4)
})

t.test('a ticket has one delivery, however often it is asked for', async t => {
  const service = await start(t)
  const [first, second] = await Promise.all([open(service), open(service)])
  t.same([first.statusCode, second.statusCode].toSorted(), [200, 201])
  t.same(first.json().deliveryId, second.json().deliveryId)
  const otherOrder = await open(service, { ...NEW_DELIVERY, orderId: uuid(9) })
  t.equal(otherOrder.statusCode, 409)
  t.equal(otherOrder.json().code, 'SALLYPORT_DELIVERY_EXISTS')
  t.equal(
    (await open(service, { ...NEW_DELIVERY, ticketId: uuid(9) })).statusCode,
    409,
    'another ticket of the same order'
  )
  t.equal((await service.owner('deliveries')).length, 5)
})

t.test('only the service that acts now may open a delivery: an earlier actor does not count', async t => {
  const service = await start(t)
  const token = await as('restaurant1', AUDIENCE, { actor: 'order-service' })
  t.equal(
    (await service.app.inject({ method: 'POST', url: '/deliveries', headers: token, payload: NEW_DELIVERY }))
      .statusCode,
    403
  )
})

t.test(
  'who may open a delivery has the scope and the role for it, or is the recovery of restaurant-service itself',
  async t => {
    const service = await start(t)
    const own = async (
      client: string,
      scope: string,
      act: Record<string, unknown> | null = null
    ): Promise<{ authorization: string }> => {
      const token = await authority.mint({ subject: client, clientId: client, audience: AUDIENCE, scope, act })
      return { authorization: `Bearer ${token}` }
    }
    const byRestaurantService = { actor: 'restaurant-service' }
    const refused = {
      'no scope': await as('restaurant1', AUDIENCE, { ...byRestaurantService, scope: '' }),
      'a scope to read': await as('restaurant1', AUDIENCE, {
        ...byRestaurantService,
        scope: 'restaurants:read deliveries:read'
      }),
      'the scope of couriers': await as('restaurant1', AUDIENCE, { ...byRestaurantService, scope: 'deliveries:write' }),
      'a customer': await as('customer1', AUDIENCE, byRestaurantService),
      'the scope of recovery in a user’s name': await as('restaurant1', AUDIENCE, {
        ...byRestaurantService,
        scope: 'deliveries:recover'
      }),
      'another client with the scope of recovery': await own('order-service', 'deliveries:recover'),
      'restaurant-service itself without it': await own('restaurant-service', 'restaurants:write'),
      'another acts for restaurant-service': await own('restaurant-service', 'deliveries:recover', { sub: 'gateway' })
    }
    for (const [what, headers] of Object.entries(refused)) {
      t.equal(
        (await service.app.inject({ method: 'POST', url: '/deliveries', headers, payload: NEW_DELIVERY })).statusCode,
        403,
        what
      )
    }
    t.equal((await service.owner('deliveries')).length, 4)
    const recovery = await own('restaurant-service', 'deliveries:recover')
    t.equal(
      (await service.app.inject({ method: 'POST', url: '/deliveries', headers: recovery, payload: NEW_DELIVERY }))
        .statusCode,
      201
    )
    t.equal((await service.app.inject({ url: '/deliveries', headers: recovery })).statusCode, 403, 'and nothing else')
  }
)
