import { demoRegistry, seedDemo } from '@sallyport/auth-server'
import { SERVICES } from '@sallyport/local/services'
import t from 'tap'
import { CHEAP, exchange, FACTS, login, startServer, token } from '../support/authorization-server.ts'

const scopesOf = (text: string): string[] => text.split(' ')

t.test('the scope of recovery is for the service itself, and reaches no user’s token', async t => {
  const { app } = await startServer(t)
  const own = await token(app, 'order-service', {
    grant_type: 'client_credentials',
    audience: 'restaurant-service',
    scope: 'tickets:recover'
  })
  t.match([own.status, own.body.scope], [200, 'tickets:recover'])
  t.equal(
    (
      await token(app, 'restaurant-service', {
        grant_type: 'client_credentials',
        audience: 'delivery-service',
        scope: 'deliveries:recover'
      })
    ).body.scope,
    'deliveries:recover'
  )
  const edge = (await login(app)).body
  t.notMatch(edge.scope, /recover/)
  const atOrders = (await exchange(app, edge.access_token, 'order-service')).body
  const atRestaurants = (await exchange(app, atOrders.access_token, 'restaurant-service', {}, 'order-service')).body
  t.ok(scopesOf(atRestaurants.scope).includes('orders:write'), 'what the user may write goes along')
  t.notMatch(`${atOrders.scope} ${atRestaurants.scope}`, /recover/)
})

t.test('a client from before a scope was added gets it by the next seeding, and keeps its others', async t => {
  const { db } = await startServer(t)
  await db('scopes').insert({ name: 'own:scope', audience: 'order-service' })
  await db('clients')
    .where({ id: 'order-service' })
    .update({ scopes: ['restaurants:read', 'own:scope'] })
  await seedDemo(db, FACTS, CHEAP)
  const { scopes = [] } = demoRegistry(SERVICES).clients.find(({ id }) => id === 'order-service') ?? {}
  t.same(
    (await db('clients').where({ id: 'order-service' }).first()).scopes.toSorted(),
    [...new Set([...scopes, 'own:scope'])].toSorted()
  )
})
