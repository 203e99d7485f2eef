import t from 'tap'
import { comparableAnswer } from '../../support/comparable-answer.ts'
import knex from 'knex'
import { acl, allOf, anyOf, attribute, grantAccess, owner, role, scope, withdrawAccess } from '@sallyport/authorization'
import { orderDatabase } from './support/database.ts'
import { principal } from './support/facts.ts'
import { testApp, type TestApp } from './support/app.ts'

const orders = new Map([
  ['1', { id: '1', customer: 'alice', restaurant: 'r1', state: 'PLACED' }],
  ['2', { id: '2', customer: 'bob', restaurant: 'r2', state: 'PLACED' }]
])
const findOrder = async (request: { params: unknown }) =>
  orders.get((request.params as { orderId: string }).orderId) ?? null
const audit = { action: 'order.cancel', resource: { type: 'order', parameter: 'orderId' } }

async function orderApp(options: Parameters<typeof testApp>[0] = {}): Promise<TestApp> {
  const test = await testApp(options)
  const { app } = test
  app.get('/public', { config: { access: 'public' } }, async () => 'open')
  app.get('/me', { config: { access: 'authenticated' } }, async request => request.principal?.subject)
  app.get(
    '/orders/:orderId',
    { config: { access: anyOf(role('ADMIN'), owner('customer')), resource: findOrder } },
    async request => request.resource
  )
  app.post(
    '/orders/:orderId/cancel',
    {
      config: {
        access: allOf(scope('orders:write'), anyOf(role('ADMIN'), owner('customer'))),
        resource: findOrder,
        audit
      }
    },
    async () => 'cancelled'
  )
  return test
}

t.test('a public route needs nobody and every other route an authenticated caller', async t => {
  const { app, callAs, events } = await orderApp()
  t.equal((await app.inject('/public')).statusCode, 200)
  for (const url of ['/me', '/orders/1']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 401)
    t.equal(answer.json().code, 'SALLYPORT_AUTHORIZATION_UNAUTHENTICATED')
    t.equal(answer.headers['www-authenticate'], 'Bearer')
    t.match(events(), [{ stage: 'authorization', outcome: 'denied', reason: 'unauthenticated' }])
  }
  callAs(principal())
  t.equal((await app.inject('/me')).body, 'alice')
  t.strictSame(events(), [])
})

t.test('an owner reads and changes their own order, and an admin any', async t => {
  const { app, callAs } = await orderApp()
  callAs(principal({ scopes: ['orders:write'] }))
  t.equal((await app.inject('/orders/1')).json().id, '1')
  t.equal((await app.inject({ method: 'HEAD', url: '/orders/1' })).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/orders/1/cancel' })).body, 'cancelled')
  callAs(principal({ subject: 'root', roles: ['ADMIN'], scopes: ['orders:write'] }))
  t.equal((await app.inject('/orders/2')).json().id, '2')
  t.equal((await app.inject({ method: 'POST', url: '/orders/2/cancel' })).body, 'cancelled')
})

t.test(
  "Z02: another customer's order and one that does not exist are the same 404, when reading and when writing",
  async t => {
    const { app, callAs, events } = await orderApp()
    callAs(principal({ scopes: ['orders:write'] }))
    for (const [method, suffix] of [
      ['GET', ''],
      ['HEAD', ''],
      ['POST', '/cancel']
    ] as const) {
      const hidden = await app.inject({ method, url: `/orders/2${suffix}` })
      t.match(events(), [
        {
          stage: 'authorization',
          outcome: 'denied',
          reason: 'not-owner',
          detail: { rule: /owner$/, missing: 'subject in resource.customer' }
        }
      ])
      const missing = await app.inject({ method, url: `/orders/3${suffix}` })
      t.match(events(), [{ stage: 'authorization', outcome: 'denied', reason: 'resource-not-found' }])
      t.equal(hidden.statusCode, 404)
      t.equal(missing.statusCode, 404)
      t.strictSame(comparableAnswer(hidden), comparableAnswer(missing))
      if (method !== 'HEAD') t.equal(hidden.json().code, 'SALLYPORT_AUTHORIZATION_NOT_FOUND')
    }
    await app.inject({ method: 'POST', url: '/orders/2/cancel' })
    t.match(events(), [
      {
        detail: {
          action: 'order.cancel',
          route: 'POST /orders/:orderId/cancel',
          resourceType: 'order',
          resourceId: '2'
        }
      }
    ])
  }
)

t.test('where existence is no secret, a refused resource is 403', async t => {
  const { app, callAs, events } = await orderApp({ existence: 'reveal' })
  callAs(principal())
  const answer = await app.inject('/orders/2')
  t.equal(answer.statusCode, 403)
  t.equal(answer.json().code, 'SALLYPORT_AUTHORIZATION_FORBIDDEN')
  t.match(events(), [{ reason: 'not-owner' }])
  t.equal((await app.inject('/orders/3')).statusCode, 404)
})

t.test('a missing scope is 403 with the scope that would do', async t => {
  const { app, callAs, events } = await orderApp()
  callAs(principal({ scopes: ['orders:read'] }))
  for (const orderId of ['1', '2', '3']) {
    const answer = await app.inject({ method: 'POST', url: `/orders/${orderId}/cancel` })
    t.equal(answer.statusCode, 403)
    t.equal(answer.json().code, 'SALLYPORT_AUTHORIZATION_FORBIDDEN')
    t.equal(answer.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="orders:write"')
    t.match(events(), [
      {
        stage: 'authorization',
        outcome: 'denied',
        reason: 'scope-missing',
        detail: { action: 'order.cancel', resourceType: 'order', resourceId: orderId, missing: 'scope orders:write' }
      }
    ])
  }
})

t.test('a resource function that answers undefined has found nothing, also for an admin', async t => {
  const { app, callAs, events } = await testApp()
  const nothing = async (): Promise<null> => undefined as unknown as null
  app.get(
    '/orders/:orderId',
    { config: { access: anyOf(role('ADMIN'), owner('customer')), resource: nothing } },
    async () => t.fail('reached')
  )
  app.get('/handler', { config: { access: 'authenticated' } }, async request => {
    await request.authorize(role('ADMIN'), await nothing())
  })
  callAs(principal({ roles: ['ADMIN'] }))
  for (const url of ['/orders/1', '/handler']) {
    t.equal((await app.inject(url)).statusCode, 404)
    t.match(events(), [{ outcome: 'denied', reason: 'resource-not-found' }])
  }
})

t.test('what needs no resource is refused before the body is parsed or the resource is looked for', async t => {
  const { app, callAs, events } = await testApp()
  let parsed = 0
  let looked = 0
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    parsed++
    payload.resume()
    payload.on('end', () => done(null, {}))
  })
  app.post(
    '/orders',
    {
      config: {
        access: allOf(role('CUSTOMER'), owner('customer')),
        resource: async () => {
          looked++
          return { customer: 'alice' }
        }
      }
    },
    async () => 'ok'
  )
  callAs(principal({ roles: ['COURIER'] }))
  const request = {
    method: 'POST',
    url: '/orders',
    headers: { 'content-type': 'application/json' },
    payload: 'x'.repeat(100_000)
  } as const
  const refused = await app.inject(request)
  t.equal(refused.statusCode, 403)
  t.equal(refused.headers['www-authenticate'], undefined)
  t.match(events(), [{ reason: 'role-missing', detail: { missing: 'role CUSTOMER' } }])
  callAs(null)
  t.equal((await app.inject(request)).statusCode, 401)
  t.strictSame([parsed, looked], [0, 0])
  callAs(principal({ roles: ['CUSTOMER'] }))
  t.equal((await app.inject(request)).statusCode, 200)
  t.strictSame([parsed, looked], [1, 1])
})

t.test(
  'Z06, Z07: a permission of the access control list counts from the request after the grant to the one after the withdrawal',
  async t => {
    const { db } = await orderDatabase(t)
    const { app, callAs, events } = await testApp({ acl: { db } })
    const policy = anyOf(role('ADMIN'), acl('restaurant', 'manage', 'restaurant'), acl('order', 'view', 'id'))
    app.get('/orders/:orderId', { config: { access: policy, resource: findOrder } }, async request => request.resource)
    const entry = {
      issuer: 'https://issuer.test',
      subject: 'alice',
      resourceType: 'restaurant',
      resourceId: 'r1',
      permission: 'manage'
    }
    callAs(principal())
    const status = async (): Promise<number> => (await app.inject('/orders/1')).statusCode
    t.equal(await status(), 404)
    t.match(events(), [
      {
        outcome: 'denied',
        reason: 'no-acl-entry',
        detail: { resourceType: 'restaurant', resourceId: 'r1', missing: /manage/ }
      }
    ])
    await grantAccess(db, entry)
    t.equal(await status(), 200)
    callAs(principal({ issuer: 'https://other.test' }))
    t.equal(await status(), 404, 'the same subject of another issuer')
    callAs(principal({ subject: 'Alice' }))
    t.equal(await status(), 404, 'another case of the subject')
    callAs(principal())
    t.equal(await status(), 200)
    await withdrawAccess(db, entry)
    t.equal(await status(), 404)
  }
)

t.test(
  'an access control list that cannot be read is 503 and allows nothing, except to those who do not need it',
  async t => {
    const db = knex({ client: 'pg', connection: { host: '127.0.0.1', port: 1 } })
    t.teardown(() => db.destroy())
    const { app, callAs, events } = await testApp({ acl: { db } })
    app.get(
      '/orders/:orderId',
      { config: { access: anyOf(role('ADMIN'), acl('restaurant', 'manage', 'restaurant')), resource: findOrder } },
      async () => 'seen'
    )
    callAs(principal())
    const answer = await app.inject('/orders/1')
    t.equal(answer.statusCode, 503)
    t.equal(answer.json().code, 'SALLYPORT_AUTHORIZATION_ACL_UNAVAILABLE')
    t.equal(answer.headers['retry-after'], '1')
    t.match(events(), [{ stage: 'authorization', outcome: 'failure', reason: 'acl-unavailable' }])
    callAs(principal({ roles: ['ADMIN'] }))
    t.equal((await app.inject('/orders/1')).body, 'seen')
  }
)

t.test('an access control list that stays silent is 503 when the time is up', async t => {
  const { db } = await orderDatabase(t)
  const { app, callAs, events } = await testApp({ acl: { db, timeoutMs: 30 } })
  app.get(
    '/orders/:orderId',
    { config: { access: acl('restaurant', 'manage', 'restaurant'), resource: findOrder } },
    async () => 'seen'
  )
  callAs(principal())
  await db.transaction(async trx => {
    await trx.raw('lock table acl_entries in access exclusive mode')
    t.equal((await app.inject('/orders/1')).statusCode, 503)
    t.match(events(), [{ outcome: 'failure', reason: 'acl-unavailable' }])
  })
})

t.test('Z02: a handler decides with authorize and lists with visible', async t => {
  const { db } = await orderDatabase(t)
  await db('orders').insert([
    { id: 1, customer: 'alice', state: 'PLACED' },
    { id: 2, customer: 'bob', state: 'PLACED' },
    { id: 3, customer: 'alice', state: 'DONE' }
  ])
  const { app, callAs, events } = await testApp()
  const mine = anyOf(role('ADMIN'), allOf(owner('customer'), attribute('state', 'PLACED')))
  app.get(
    '/orders',
    { config: { access: 'authenticated' } },
    async request =>
      await request.visible(db('orders').orderBy('id').select('id'), mine, {
        columns: { customer: 'customer', state: 'state' }
      })
  )
  app.get('/orders/:orderId', { config: { access: 'authenticated' } }, async request => {
    const order = await db('orders')
      .where('id', Number((request.params as { orderId: string }).orderId))
      .first()
    await request.authorize(mine, order ?? null)
    return order
  })
  app.get('/admin', { config: { access: 'authenticated' } }, async request => {
    await request.authorize(role('ADMIN'))
  })
  app.get('/mistake', { config: { access: 'authenticated' } }, async request => {
    await request.authorize(allOf())
  })
  app.get('/no-acl', { config: { access: 'authenticated' } }, async request => {
    await request.authorize(acl('order', 'view', 'id'), { id: '1' })
  })
  callAs(principal())
  t.strictSame((await app.inject('/orders')).json(), [{ id: 1 }])
  t.equal((await app.inject('/orders/1')).statusCode, 200)
  t.equal((await app.inject('/orders/2')).statusCode, 404)
  t.match(events(), [{ reason: 'not-owner' }])
  t.equal((await app.inject('/orders/9')).statusCode, 404)
  t.equal((await app.inject('/admin')).statusCode, 403)
  t.match(events(), [{ reason: 'role-missing' }])
  t.equal((await app.inject('/mistake')).json().code, 'SALLYPORT_AUTHORIZATION_POLICY_INVALID')
  t.equal((await app.inject('/no-acl')).json().code, 'SALLYPORT_AUTHORIZATION_POLICY_INVALID')
  callAs(principal({ roles: ['ADMIN'] }))
  t.strictSame((await app.inject('/orders')).json(), [{ id: 1 }, { id: 2 }, { id: 3 }])
})
