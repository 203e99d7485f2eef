import type { CorsOptions, ForwardedRouteOptions } from '@sallyport/forwarding'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { ALICE, routesTo, startPlainService } from './support/table-app.ts'

const SHOP = 'https://shop.example'
const CORS: CorsOptions = {
  origins: [SHOP, 'https://admin.example'],
  requestHeaders: ['Authorization', 'Content-Type'],
  exposedHeaders: ['ETag'],
  credentials: true,
  maxAgeSeconds: 600
}
const ROUTES: readonly Partial<ForwardedRouteOptions>[] = [
  { path: '/orders/*', methods: ['GET', 'POST'], cors: CORS },
  { path: '/open/*', access: 'public', cors: { origins: '*' } },
  { path: '/closed/*', access: 'public' }
]

const preflight = async (
  app: FastifyInstance,
  url: string,
  { origin = SHOP, method = 'GET', headers }: { origin?: string; method?: string; headers?: string } = {}
) =>
  await app.inject({
    method: 'OPTIONS',
    url,
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers !== undefined && { 'access-control-request-headers': headers })
    }
  })

/** The names of the headers about other origins. */
const crossOrigin = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /^access-control-|^vary$/.test(name)))

t.test('a preflight is answered before authentication, exactly by its route, and never forwarded', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, ROUTES)
  const answer = await preflight(app, '/orders/1', { method: 'POST', headers: 'content-type,authorization' })
  t.equal(answer.statusCode, 204)
  t.same(crossOrigin(answer.headers), {
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    'access-control-allow-origin': SHOP,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, HEAD, POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600'
  })
  const open = await preflight(app, '/open/1', { origin: 'https://any.example' })
  t.match(open.headers, { 'access-control-allow-origin': '*' })
  t.notOk(open.headers['access-control-allow-credentials'])
  t.equal(service.seen.length, 0)
})

t.test('what a route does not allow is refused, and the answer names no origin', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, ROUTES)
  for (const [url, asked] of [
    ['/orders/1', { origin: 'https://shop.example.evil' }],
    ['/orders/1', { origin: 'http://shop.example' }],
    ['/orders/1', { origin: 'https://SHOP.example' }],
    ['/orders/1', { origin: 'null' }],
    ['/orders/1', { headers: 'content-type, x-other' }],
    ['/orders/1', { method: 'get' }],
    ['/open/1', { headers: 'authorization' }],
    ['/closed/1', {}]
  ] as const) {
    const answer = await preflight(app, url, asked)
    t.ok([403, 404].includes(answer.statusCode), JSON.stringify([url, asked]))
    t.notOk(answer.headers['access-control-allow-origin'])
  }
  t.match((await preflight(app, '/closed/1')).json(), { code: 'SALLYPORT_FORWARDING_PREFLIGHT_REFUSED' })
  t.equal((await preflight(app, '/orders/1', { method: 'DELETE' })).statusCode, 404, 'no route has this method')
  t.equal((await preflight(app, '/elsewhere')).statusCode, 404)
  t.equal(service.seen.length, 0)
})

t.test('an OPTIONS that is no preflight needs a caller as every other request does', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, [{ path: '/orders/*', cors: CORS }])
  t.equal((await app.inject({ method: 'OPTIONS', url: '/orders/1', headers: { origin: SHOP } })).statusCode, 401)
  const named = { 'access-control-request-method': 'GET' }
  t.equal((await app.inject({ method: 'OPTIONS', url: '/orders/1', headers: named })).statusCode, 401)
  t.equal(service.seen.length, 0)
})

t.test('a page of an allowed origin can read answers and refusals; caches keep origins apart', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, ROUTES)
  const allowed = {
    'access-control-allow-origin': SHOP,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'ETag'
  }
  service.answer = (_request, response) => {
    response.writeHead(200, { vary: 'Accept', 'access-control-allow-origin': '*' }).end('1')
  }
  const read = await app.inject({ url: '/orders/1', headers: { ...ALICE, origin: SHOP } })
  t.same(crossOrigin(read.headers), { ...allowed, vary: 'Accept, Origin' }, 'what the service says does not count')
  const refused = await app.inject({ url: '/orders/1', headers: { origin: SHOP } })
  t.equal(refused.statusCode, 401)
  t.same(crossOrigin(refused.headers), { ...allowed, vary: 'Origin' })
  service.answer = (_request, response) => response.destroy()
  const failed = await app.inject({ url: '/orders/1', headers: { ...ALICE, origin: SHOP } })
  t.equal(failed.statusCode, 502)
  t.same(crossOrigin(failed.headers), { ...allowed, vary: 'Origin' })
})

t.test('other pages and other routes get no word of it, whatever the service says', async t => {
  const service = await startPlainService(t)
  const app = await routesTo(t, service, ROUTES)
  service.answer = (request, response) => {
    const origin = request.headers['accept-language'] ?? '*'
    response.writeHead(200, { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' })
    response.end('1')
  }
  const foreign = { ...ALICE, origin: 'https://evil.example', 'accept-language': 'https://evil.example' }
  t.same(crossOrigin((await app.inject({ url: '/orders/1', headers: foreign })).headers), { vary: 'Origin' })
  t.same(crossOrigin((await app.inject({ url: '/closed/1', headers: foreign })).headers), {})
  t.same(crossOrigin((await app.inject({ url: '/orders/1', headers: ALICE })).headers), { vary: 'Origin' })
  t.same(crossOrigin((await app.inject({ url: '/open/1', headers: foreign })).headers), {
    'access-control-allow-origin': '*'
  })
})
