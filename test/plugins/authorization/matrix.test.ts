import t from 'tap'
import {
  acl,
  actor,
  allOf,
  anyOf,
  attribute,
  authorizationMatrix,
  client,
  owner,
  role,
  scope
} from '@sallyport/authorization'
import { orderDatabase } from './support/database.ts'
import { measured } from '../support/measured.ts'
import { testApp } from './support/app.ts'

t.test('the matrix prints every route with its policy, in one order whatever order they were added in', async t => {
  const { db } = await orderDatabase(t)
  const { app } = await testApp({ acl: { db } })
  const resource = async (): Promise<null> => null
  await app.register(async child => {
    child.put(
      '/orders/:orderId',
      {
        config: {
          access: allOf(
            scope('orders:write', 'orders:read'),
            anyOf(role('ADMIN', 'SUPPORT'), owner('customer'), acl('order', 'change', 'id'))
          ),
          resource
        }
      },
      async () => ''
    )
    child.get('/orders/:orderId', { config: { access: attribute('state', 'PLACED', null), resource } }, async () => '')
  })
  app.post('/tickets', { config: { access: anyOf(actor('order-service'), client('order-service')) } }, async () => '')
  app.get('/health', { config: { access: 'public' } }, async () => '')
  await app.ready()
  t.equal(
    authorizationMatrix(app),
    `\
GET /health           public
GET /orders/:orderId  attribute(state in ["PLACED",null])
PUT /orders/:orderId  allOf(scope(orders:write & orders:read), anyOf(role(ADMIN | SUPPORT), owner(customer), acl(change on order id)))
POST /tickets         anyOf(actor(order-service), client(order-service))
`
  )
})

t.test('policies have a version that changes with them and with nothing else', async t => {
  const versionOf = async (urls: readonly string[], needed: string): Promise<string> => {
    const { app } = await testApp({})
    for (const url of urls) app.get(url, { config: { access: scope(needed) } }, async () => '')
    await app.ready()
    const version = app.policyVersion()
    t.same(await measured(app, 'sallyport_policy_info'), { [version]: 1 })
    return version
  }
  const version = await versionOf(['/orders', '/tickets'], 'orders:read')
  t.match(version, /^[0-9a-f]{12}$/)
  t.equal(await versionOf(['/tickets', '/orders'], 'orders:read'), version, 'in any order')
  t.not(await versionOf(['/orders', '/tickets'], 'orders:write'), version)
})
