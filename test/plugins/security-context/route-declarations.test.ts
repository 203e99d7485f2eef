import Fastify from 'fastify'
import t from 'tap'
import securityContext, { problemDetails, requireRouteDeclaration } from '@sallyport/security-context'

t.test('an app whose every route is declared boots, HEAD included', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  requireRouteDeclaration(app, 'access')
  app.get('/orders/:orderId', { config: { access: 'public' } }, async () => 'x')
  app.all('/any/*', { config: { access: 'authenticated' } }, async () => 'x')
  await app.register(
    async child => {
      child.get('/', { config: { access: 'public' } }, async () => 'x')
      child.post('/x/:id(^\\d+$)/y', { config: { access: 'public' } }, async () => 'x')
    },
    { prefix: '/child' }
  )
  await app.ready()
  t.equal((await app.inject({ method: 'HEAD', url: '/orders/1' })).statusCode, 200)
  t.equal((await app.inject('/nowhere')).statusCode, 404)
})

t.test('Z01: an undeclared route fails the boot and every one is named', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  requireRouteDeclaration(app, 'access')
  app.get('/declared', { config: { access: 'public' } }, async () => 'x')
  app.get('/one', async () => 'x')
  app.register(
    async child => {
      child.delete('/two/:id', async () => 'x')
    },
    { prefix: '/child' }
  )
  await t.rejects(
    async () => {
      await app.ready()
    },
    {
      code: 'SALLYPORT_CONTEXT_ROUTES_UNDECLARED',
      message: 'Routes without config.access: DELETE /child/two/:id, GET /one, HEAD /one'
    }
  )
})

t.test('Z01: a route added before the check fails the boot too', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/early', async () => 'x')
  app.get('/early/:id/more', async () => 'x')
  app.post('/earlier', async () => 'x')
  requireRouteDeclaration(app, 'audit')
  await t.rejects(
    async () => {
      await app.ready()
    },
    { message: 'Routes without config.audit: GET /early, GET /early/:id/more, POST /earlier' }
  )
})

t.test('Z01: a declared route does not excuse another method of the same path', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.put('/thing', async () => 'x')
  requireRouteDeclaration(app, 'access')
  app.get('/thing', { config: { access: 'public' } }, async () => 'x')
  await t.rejects(
    async () => {
      await app.ready()
    },
    { message: /PUT \/thing$/ }
  )
})

t.test('Z01: an undeclared route that hides behind a declared one is refused when it is called', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/thing/', async () => 'reached')
  await app.register(securityContext)
  await app.register(problemDetails)
  requireRouteDeclaration(app, 'access')
  app.get('/thing', { config: { access: 'public' } }, async () => 'public')
  t.equal((await app.inject('/thing')).body, 'public')
  const refused = await app.inject('/thing/')
  t.match(
    { status: refused.statusCode, code: refused.json().code },
    { status: 500, code: 'SALLYPORT_CONTEXT_ROUTE_UNDECLARED' }
  )
})

t.test('Z01: an app with a route at the root boots when it declares, and not when it does not', async t => {
  const declares = Fastify()
  t.teardown(() => declares.close())
  requireRouteDeclaration(declares, 'access')
  declares.get('/', { config: { access: 'public' } }, async () => 'root')
  declares.options('*', { config: { access: 'public' } }, async () => 'x')
  await declares.ready()
  t.equal((await declares.inject('/')).body, 'root')

  const early = Fastify()
  t.teardown(() => early.close())
  early.get('/', async () => 'root')
  requireRouteDeclaration(early, 'access')
  early.get('/other', { config: { access: 'public' } }, async () => 'x')
  await t.rejects(async () => early.ready(), { message: 'Routes without config.access: GET /' })
})
