import Fastify from 'fastify'
import t from 'tap'
import type { Policy } from '@sallyport/security-context'
import authorization, { acl, allOf, anyOf, attribute, owner, role, scope } from '@sallyport/authorization'
import { testApp } from './support/app.ts'
import { principal } from './support/facts.ts'

t.test('Z01: a route without access fails the boot', async t => {
  const { app } = await testApp()
  app.get('/forgotten', async () => 'open')
  await t.rejects(
    async () => {
      await app.ready()
    },
    { code: 'SALLYPORT_CONTEXT_ROUTES_UNDECLARED', message: /GET \/forgotten/ }
  )
})

t.test('policies that could not decide fail the boot, all in one error', async t => {
  const { app } = await testApp()
  const unsound: Record<string, unknown> = {
    '/empty': anyOf(role(), allOf(), scope()),
    '/kind': allOf(role('ADMIN'), { kind: 'everyone' } as unknown as Policy),
    '/word': 'Public',
    '/nothing': null,
    '/scope': scope('orders:read orders:write', 'a"b'),
    '/owner': owner(''),
    '/value': attribute('total', 1.5),
    '/acl': acl('restaurant', 'manage', 'restaurant'),
    '/resource': owner('customer')
  }
  for (const [url, access] of Object.entries(unsound)) {
    app.get(url, { config: { access: access as Policy } }, async () => 'open')
  }
  app.post('/sound', { config: { access: allOf(scope('orders:read'), role('ADMIN')) } }, async () => 'open')
  const error = await app.ready().then(
    () => null,
    (error: Error) => error
  )
  t.match(error, { code: 'SALLYPORT_AUTHORIZATION_POLICIES_INVALID' })
  t.strictSame(error?.message.replace('Invalid policies: ', '').split('; '), [
    'GET /acl: the policy asks the access control list, but the option acl is missing',
    'GET /acl: the policy decides over a resource, but config.resource is missing',
    'GET /empty: access.anyOf.0.role is empty',
    'GET /empty: access.anyOf.1.allOf is empty',
    'GET /empty: access.anyOf.2.scope is empty',
    'GET /kind: access.allOf.1 has the unknown kind "everyone"',
    'GET /nothing: access is not a policy',
    'GET /owner: access.owner has no attribute',
    'GET /resource: the policy decides over a resource, but config.resource is missing',
    'GET /scope: access.scope cannot match "a\\"b"',
    'GET /scope: access.scope cannot match "orders:read orders:write"',
    'GET /value: access.attribute cannot match 1.5',
    'GET /word: access is not a policy'
  ])
})

t.test('without anybody to fill the principal the plugin does not load', async t => {
  const app = Fastify()
  await t.rejects(async () => await app.register(authorization), { code: 'FST_ERR_PLUGIN_NOT_PRESENT_IN_INSTANCE' })
})

t.test("the plugin works alone, with the app's own principal", async t => {
  const app = Fastify()
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async request => {
    request.principal =
      request.headers['x-user'] === undefined
        ? null
        : principal({ subject: String(request.headers['x-user']), roles: ['CUSTOMER'] })
  })
  await app.register(authorization)
  app.get('/orders', { config: { access: role('CUSTOMER') } }, async () => 'orders')
  app.get('/admin', { config: { access: scope('admin') } }, async () => 'secrets')
  t.equal((await app.inject({ url: '/orders', headers: { 'x-user': 'alice' } })).body, 'orders')
  t.equal((await app.inject('/orders')).statusCode, 401)
  const refused = await app.inject({ url: '/admin', headers: { 'x-user': 'alice' } })
  t.equal(refused.statusCode, 403)
  t.equal(refused.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="admin"')
  t.equal((await app.inject('/nowhere')).statusCode, 404)
})

t.test('a policy changed behind the boot check cannot let an undecided request pass', async t => {
  const { app, callAs, events } = await testApp()
  const config: { access: Policy } = { access: role('ADMIN') }
  app.get('/orders', { config }, async request => {
    t.fail('reached')
    return request.url
  })
  app.addHook('onRequest', async request => {
    request.routeOptions.config.access = owner('customer')
  })
  callAs(principal({ roles: ['ADMIN'] }))
  t.equal((await app.inject('/orders')).statusCode, 403)
  t.match(events(), [{ reason: 'resource-required' }])
})
