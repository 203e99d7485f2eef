import authentication from '@sallyport/authentication'
import authorization, { scope } from '@sallyport/authorization'
import securityContext, { effectiveRoute, problemDetails, type EffectiveRoute } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'

type Resolve = (request: FastifyRequest) => EffectiveRoute | null

/** An app whose one Fastify route stands for a table, with everything that decides by declarations. */
async function tableApp(t: Test, resolveRoute: Resolve): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    strategies: [
      {
        name: 'header',
        challenge: 'Demo',
        authenticate: async request => {
          const { 'x-caller': subject } = request.headers
          return typeof subject === 'string'
            ? {
                kind: 'accepted',
                accessToken: null,
                principal: {
                  subject,
                  clientId: null,
                  issuer: 'demo',
                  roles: [],
                  scopes: ['orders:read'],
                  sessionId: null,
                  expiresAtSeconds: null,
                  actors: [],
                  claims: {}
                } as never
              }
            : { kind: 'not-applicable' }
        }
      }
    ]
  })
  await app.register(authorization)
  app.all('/*', { config: { access: 'authenticated', resolveRoute } }, async (request, reply) => {
    const route = effectiveRoute(request)
    return route.found ? { url: route.url, subject: request.principal?.subject ?? null } : reply.callNotFound()
  })
  return app
}

const table: Resolve = request => {
  if (request.url.startsWith('/public')) return { url: '/public/*', config: { access: 'public' }, found: true }
  if (request.url.startsWith('/orders')) {
    return { url: '/orders/*', config: { access: scope('orders:read') }, found: true }
  }
  if (request.url.startsWith('/closed')) {
    return { url: '/closed', config: { access: scope('nobody:has') }, found: true }
  }
  if (request.url.startsWith('/undeclared')) return { url: '/undeclared', config: {}, found: true }
  if (request.url.startsWith('/broken')) throw new Error('the table is broken')
  return null
}
const CALLER = { 'x-caller': 'user-1' }

t.test('an ordinary route is its own, once per route and not per request', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const seen: EffectiveRoute[] = []
  app.get('/orders/:id', { config: { access: 'public' } }, async request => {
    seen.push(effectiveRoute(request), effectiveRoute(request))
    return {}
  })
  await app.inject('/orders/1')
  await app.inject('/orders/2')
  t.equal(new Set(seen).size, 1)
  t.match(seen[0], { url: '/orders/:id', found: true, config: { access: 'public' } })
})

t.test('a request without a route has none, also after callNotFound', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(securityContext)
  const seen: boolean[] = []
  app.get('/hidden', { config: { access: 'public' } }, async (request, reply) => {
    seen.push(effectiveRoute(request).found)
    return reply.callNotFound()
  })
  app.setNotFoundHandler(async (request, reply) => {
    seen.push(effectiveRoute(request).found)
    return reply.code(404).send()
  })
  await app.inject('/hidden')
  await app.inject('/nowhere')
  t.strictSame(seen, [true, false, false])
})

t.test('a resolved route is asked for once per request, and its declarations decide', async t => {
  let asked = 0
  const app = await tableApp(t, request => {
    asked++
    return table(request)
  })
  const answer = await app.inject({ url: '/orders/1', headers: CALLER })
  t.strictSame(answer.json(), { url: '/orders/*', subject: 'user-1' })
  t.equal(asked, 1)
  t.strictSame((await app.inject('/public/1')).json(), { url: '/public/*', subject: null })
  t.equal((await app.inject('/orders/1')).statusCode, 401)
  t.match((await app.inject({ url: '/closed', headers: CALLER })).json(), {
    code: 'SALLYPORT_AUTHORIZATION_FORBIDDEN'
  })
})

t.test('what no entry matches is 404 for everybody, as without a table', async t => {
  const app = await tableApp(t, table)
  for (const headers of [{}, CALLER]) {
    const answer = await app.inject({ url: '/elsewhere', headers })
    t.equal(answer.statusCode, 404)
    t.match(answer.json(), { code: 'SALLYPORT_CONTEXT_NOT_FOUND' })
  }
})

t.test('a route that declares nothing or cannot be resolved refuses every caller', async t => {
  const app = await tableApp(t, table)
  for (const url of ['/undeclared', '/broken']) {
    t.equal((await app.inject(url)).statusCode, 401, `${url} does not bypass authentication`)
    const answer = await app.inject({ url, headers: CALLER })
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { code: 'SALLYPORT_CONTEXT_ROUTE_UNDECLARED' })
  }
})

t.test('what is declared for routes of others does not open an entry of a table', async t => {
  const { declareRoutes } = await import('@sallyport/security-context')
  const app = await tableApp(t, table)
  declareRoutes(app, { routes: ['GET /*'], config: { access: 'public' } })
  t.equal((await app.inject({ url: '/undeclared', headers: CALLER })).statusCode, 500)
})
