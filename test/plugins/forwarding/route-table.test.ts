import type { AddressInfo } from 'node:net'
import authorization, { role } from '@sallyport/authorization'
import Fastify from 'fastify'
import forwarding, { createRouteMatcher, type ForwardedRouteOptions } from '@sallyport/forwarding'
import securityContext from '@sallyport/security-context'
import t, { type Test } from 'tap'
import { sendRaw } from '../../support/edge.ts'
import { ALICE, forwardingApp, plainRoute, routesTo, startPlainService } from './support/table-app.ts'

const match = (routes: readonly { path: string; hosts?: string[]; methods?: string[] }[], target: string) => {
  const [method = '', rest = ''] = target.split(' ')
  const at = rest.indexOf('/')
  return createRouteMatcher(routes).find(method, rest.slice(0, at), rest.slice(at))
}

t.test('of two routes the one for the host is taken, then the more specific one, whatever their order is', t => {
  const table = [
    { path: '/*' },
    { path: '/orders/*' },
    { path: '/orders/:id' },
    { path: '/orders/mine', methods: ['GET'] },
    { path: '/orders/*', hosts: ['shop.example'] },
    { path: '/orders/*', hosts: ['shop.example:8443'] }
  ]
  for (const [target, place] of [
    ['GET a/', 0],
    ['GET a/x/y', 0],
    ['GET a/orders', 1],
    ['GET a/orders/', 2],
    ['GET a/orders/1/items', 1],
    ['GET a/orders/1', 2],
    ['GET a/orders/mine', 3],
    ['HEAD a/orders/mine', 3],
    ['POST a/orders/mine', 2],
    ['GET shop.example/orders/1', 4],
    ['GET shop.example:80/orders/1', 4],
    ['GET shop.example:8443/orders/1', 5],
    ['GET shop.example/elsewhere', 0],
    ['GET other.shop.example/orders/1', 2],
    ['GET a/Orders/1', 0]
  ] as const) {
    for (const routes of [table, table.toReversed()]) t.equal(match(routes, target), table[place], target)
  }
  t.end()
})

t.test('the base of a prefix belongs to the route that names it, and no other path does', t => {
  const exact = { path: '/orders' }
  const below = { path: '/orders/*' }
  t.equal(match([below, exact], 'GET a/orders'), exact)
  t.equal(match([below, exact], 'GET a/orders/'), below)
  for (const target of ['GET a/orders2', 'GET a/order', 'GET a/']) t.equal(match([below, exact], target), null)
  t.equal(match([below], `GET a/orders/${'x'.repeat(4000)}`), below)
  t.end()
})

t.test('a path that the router would decode to another one has no route', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, [{ path: '/a!b/*', rewrite: '/x' }])
  t.equal((await app.inject({ url: '/a!b/1', headers: ALICE })).statusCode, 200)
  t.equal((await app.inject({ url: '/a%21b/1', headers: ALICE })).statusCode, 404)
  t.same(
    service.seen.map(({ url }) => url),
    ['/x/1']
  )
})

t.test('a path with two readings is refused by itself, also where nothing else looks at it', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, [{ path: '/public/*', access: 'public' }])
  await app.listen({ host: '127.0.0.1', port: 0 })
  for (const path of ['/public/..%2fadmin', '/public/%2e%2e/admin', '/public//x', '/public/a;b', '/public/%61']) {
    const answer = await app.inject(path)
    // Of some paths there is no request that a client library would send.
    t.ok([400, 404].includes(answer.statusCode), `${path}: ${answer.statusCode}`)
  }
  const { port } = app.server.address() as AddressInfo
  for (const path of ['/public/"a"', '/public/<a>', '/public/[a]', '/public/a^b', '/public/a`b', '/public/{a|b}']) {
    t.match(
      await sendRaw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
      /^HTTP\/1.1 400 /,
      path
    )
  }
  t.match((await app.inject('/public/%2e%2e%2fadmin')).json(), { code: 'SALLYPORT_FORWARDING_PATH_AMBIGUOUS' })
  t.equal(service.seen.length, 0)
})

t.test('a rewrite replaces what stands before the star, in paths and in redirects, and no query', async t => {
  const service = await startPlainService(t)
  service.answer = (request, response) => {
    response.writeHead(302, { location: request.headers['accept-language'] ?? '/' }).end()
  }
  const app = await routesTo(t, service, [
    { path: '/orders/*', rewrite: '/v2/orders' },
    { path: '/home', rewrite: '/' },
    { path: '/flat/*', rewrite: '/' },
    { path: '/same/*' }
  ])
  const go = async (url: string, location: string) => {
    const answer = await app.inject({ url, headers: { ...ALICE, 'accept-language': location } })
    return { at: service.seen.at(-1)?.url, location: answer.headers.location }
  }
  t.same(await go('/orders/1?a=/orders', '/v2/orders/2'), { at: '/v2/orders/1?a=/orders', location: '/orders/2' })
  t.same(await go('/orders', '/v2/ordersX'), { at: '/v2/orders', location: '/v2/ordersX' })
  t.same(await go('/home', '/login'), { at: '/', location: '/home/login' })
  t.same(await go('/flat/a', '/b'), { at: '/a', location: '/flat/b' })
  t.same(await go('/same/a', '/b'), { at: '/same/a', location: '/b' })
  t.same(await go('/same/a', `${service.origin}/b`), { at: '/same/a', location: '/b' }, 'no inner address leaves')
  t.same(await go('/same/a', service.origin), { at: '/same/a', location: '/' }, 'without a path either')
  t.same(await go('/same/a', `${service.origin}?b=1`), { at: '/same/a', location: '/?b=1' })
  t.same(await go('/flat/a', 'https://elsewhere.example/b'), { at: '/a', location: 'https://elsewhere.example/b' })
})

t.test('access is enforced per route: public, authenticated, a policy; the rest is not found', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(
    t,
    service,
    [{ path: '/public/*', access: 'public' }, { path: '/orders/*' }, { path: '/reports/*', access: role('ADMIN') }],
    { before: async app => await app.register(authorization) }
  )
  const status = async (url: string, caller?: string) =>
    (await app.inject({ url, headers: caller === undefined ? {} : { 'x-caller': caller } })).statusCode
  t.equal(await status('/public/1'), 200)
  t.equal(await status('/orders/1'), 401)
  t.equal(await status('/orders/1', 'alice'), 200)
  t.equal(await status('/reports/1', 'alice'), 403)
  t.equal(await status('/reports/1', 'admin'), 200)
  t.equal(await status('/elsewhere'), 404)
  t.equal(await status('/elsewhere', 'admin'), 404)
  t.equal(service.seen.length, 3)
})

t.test('an authentication that forgets to refuse does not open a route', async t => {
  const service = await startPlainService(t)
  const app = Fastify()
  t.after(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(forwarding, {
    upstreams: { service: { origin: service.origin } },
    routes: [plainRoute(), plainRoute({ path: '/public', access: 'public' })]
  })
  const answer = await app.inject('/orders/1')
  t.match(answer.json(), { statusCode: 401, code: 'SALLYPORT_FORWARDING_CALLER_UNKNOWN' })
  t.ok(answer.headers['www-authenticate'])
  t.equal((await app.inject('/public')).statusCode, 200)
  t.equal(service.seen.length, 1)
})

async function mistakesOf(t: Test, routes: readonly Partial<ForwardedRouteOptions>[], more: object = {}) {
  const table = {
    upstreams: { service: { origin: 'http://127.0.0.1:1' } },
    routes: routes.map(plainRoute),
    ...more
  }
  try {
    await forwardingApp(t, table)
  } catch (error) {
    t.match(error, { code: 'SALLYPORT_FORWARDING_OPTIONS_INVALID' })
    return (error as Error).message.replace(/^[^:]*: /, '').split('; ')
  }
  return []
}

t.test('every mistake of a table is in one error, with the place that it stands at', async t => {
  t.same(await mistakesOf(t, [{}]), [])
  t.match(
    await mistakesOf(
      t,
      [
        { path: 'orders' },
        { forward: { audience: 'a', scopes: 'b' } as never },
        { acess: 'public' } as never,
        { methods: ['FETCH'] as never }
      ],
      { upstreams: { service: { origin: 'https://a/b' }, other: { orgin: 'https://a' } } }
    ),
    [
      /^upstreams\.service\.origin must be scheme, host and port/,
      /^upstreams\.other\.orgin is not an option \(did you mean origin\?\)/,
      /^routes\.0\.path must be a path such as/,
      /^routes\.1\.forward\.scopes is not an option \(did you mean scope\?\)/,
      /^routes\.2\.acess is not an option \(did you mean access\?\)/,
      /^routes\.3\.methods must be/
    ]
  )
})

t.test('an upstream that is nowhere does not boot', async t => {
  const [mistake] = await mistakesOf(t, [{}], { upstreams: { service: { maxQueued: 1 } } })
  t.match(mistake, /upstreams\.service: origin or targets is missing/)
})

t.test('a table whose members do not fit together does not boot', async t => {
  for (const [routes, mistake] of [
    [[{ upstream: 'servise' }], /routes\.0\.upstream: there is no upstream "servise" \(did you mean service\?\)/],
    [[{}, { methods: ['GET'] }], /routes\.1\.path: GET \/orders\/\* is what routes\.0 is for/],
    [[{ path: '/a/:x' }, { path: '/a/:y' }], /routes\.1\.path: GET \/a\/:\* is what routes\.0 is for/],
    [[{ name: 'a' }, { name: 'a', path: '/b' }], /routes\.1\.name: another route has this name/],
    [[{ access: 'public', forward: 'token' }], /a public route forwards no credential/],
    [[{ access: role('ADMIN') }], /routes\.0: access is a policy, and no plugin of this app decides/],
    [[{ strategies: ['bearer'] }], /routes\.0: strategies are named, and no plugin of this app knows them/],
    [[{ forward: { audience: 'a' } }], /routes\.0: forward: no plugin of this app exchanges tokens/],
    [[{ requestHeaders: { pass: ['X-User'] } }], /"X-User" must not reach a service from outside/],
    [[{ requestHeaders: { set: { Host: 'x' } } }], /"Host" is not for a route to set/],
    [[{ forward: 'token', requestHeaders: { set: { Authorization: 'x' } } }], /forward must be none/],
    [[{ responseHeaders: { set: { 'Set-Cookie': 'x' } } }], /"Set-Cookie" is not for a route to set/],
    [[{ path: '/a/:id', rewrite: '/b' }], /rewrite goes with a path without parameters/],
    [[{ cors: { origins: '*', credentials: true } }], /credentials must not be given to every origin/],
    [[{ access: 'public', cors: { origins: ['https://a'], credentials: true } }], /a public route reads no cookies/],
    [[{ cors: { origins: ['https://a'], requestHeaders: ['X-Sallyport-CSRF'] } }], /such pages must not have it/]
  ] as const) {
    const mistakes = await mistakesOf(t, routes as never)
    t.match(mistakes.join('; '), mistake)
  }
})

t.test('an upstream beyond loopback is reached over TLS only', async t => {
  const mistakes = await mistakesOf(t, [{}], { upstreams: { service: { origin: 'http://service.example' } } })
  t.match(mistakes, [/upstreams\.service\.origin: origin must be https: beyond loopback/])
})

t.test('a route that the app has itself comes first, so that one in the table is a mistake', async t => {
  const service = await startPlainService(t)
  const build = async (before: boolean) => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(securityContext)
    if (before) app.get('/orders/:id', async () => 'own')
    await app.register(forwarding, {
      upstreams: { service: { origin: service.origin } },
      routes: [plainRoute({ access: 'public', path: '/orders/:id' }), plainRoute({ access: 'public', path: '/x/*' })]
    })
    if (!before) app.get('/orders/:id', async () => 'own')
    await app.ready()
  }
  const mistake = { message: /routes\.0: GET, HEAD \/orders\/:id is a route of the app itself/ }
  await t.rejects(build(true), mistake)
  await t.rejects(build(false), mistake)
})

t.test('an own route beside a prefix of the table is the app’s', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, [{ path: '/*', access: 'public' }])
  app.get('/about', { config: { access: 'public' } }, async () => 'own')
  t.equal((await app.inject('/about')).body, 'own')
  t.equal((await app.inject('/')).statusCode, 200)
  t.equal((await app.inject('/other')).statusCode, 200)
  t.same(
    service.seen.map(({ url }) => url),
    ['/', '/other']
  )
})
