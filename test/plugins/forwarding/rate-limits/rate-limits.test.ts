import type { ForwardedRouteOptions, RateLimitOptions, RouteTableOptions } from '@sallyport/forwarding'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { ALICE, forwardingApp, plainRoute, type PlainService, startPlainService } from '../support/table-app.ts'

const LIMIT: RateLimitOptions = { per: 'principal', requests: 2, windowSeconds: 3600 }

function limitedTable(
  { origin }: PlainService,
  rateLimits: Readonly<Record<string, RateLimitOptions>>,
  ...routes: readonly Partial<ForwardedRouteOptions>[]
): RouteTableOptions {
  return { upstreams: { service: { origin } }, rateLimits, routes: routes.map(plainRoute) }
}

/** The principal of `ownAuthentication`, with an issuer and a client where the request names them. */
async function nameIssuer(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', async request => {
    const { 'x-issuer': issuer, 'x-client': clientId } = request.headers
    Object.assign(request, {
      principal: request.principal && { ...request.principal, issuer, clientId: clientId ?? null }
    })
  })
}

async function statuses(app: FastifyInstance, ...requests: ReadonlyArray<Record<string, string>>): Promise<number[]> {
  const codes: number[] = []
  for (const { url = '/orders/1', remoteAddress = '192.0.2.1', ...headers } of requests) {
    codes.push((await app.inject({ url, remoteAddress, headers: { ...ALICE, ...headers } })).statusCode)
  }
  return codes
}

async function limitedApp(t: Test, limit: Partial<RateLimitOptions>, ...routes: Partial<ForwardedRouteOptions>[]) {
  const service = await startPlainService(t)
  const some = routes.length === 0 ? [{ rateLimits: ['few'] }] : routes
  const app = await forwardingApp(t, limitedTable(service, { few: { ...LIMIT, ...limit } }, ...some), {
    before: nameIssuer
  })
  return { app, service }
}

t.test('a request too many is 429 with the fields of the draft, and never reaches the service', async t => {
  const { app, service } = await limitedApp(t, {})
  service.answer = (_request, response) => {
    response.setHeader('ratelimit', '"of-the-service";r=9')
    response.end('{}')
  }
  const first = await app.inject({ url: '/orders/1', headers: ALICE })
  t.equal(first.statusCode, 200)
  t.equal(first.headers['ratelimit-policy'], '"few";q=2;w=3600')
  t.match(first.headers['ratelimit'], /^"few";r=1;t=\d+$/, 'the field of the service is about something else')
  await app.inject({ url: '/orders/1', headers: ALICE })
  const third = await app.inject({ url: '/orders/1', headers: ALICE })
  t.equal(third.statusCode, 429)
  t.match(third.json(), { type: 'about:blank', status: 429, code: 'SALLYPORT_FORWARDING_RATE_LIMITED' })
  const [, wait = ''] = /^"few";r=0;t=(\d+)$/.exec(String(third.headers['ratelimit'])) ?? []
  t.equal(third.headers['retry-after'], wait, 'not earlier than the limit has room')
  t.ok(Number(wait) > 0)
  t.equal(service.seen.length, 2)
})

t.test('a limit per principal counts an issuer and a subject together', async t => {
  const { app } = await limitedApp(t, { requests: 1 })
  const [one, other] = [{ 'x-issuer': 'https://one' }, { 'x-issuer': 'https://other' }]
  t.strictSame(await statuses(app, one, one, other, { ...one, 'x-caller': 'bob' }), [200, 429, 200, 200])
})

t.test('a limit per client counts all its callers, and a caller without a client alone', async t => {
  const { app } = await limitedApp(t, { per: 'client', requests: 1 })
  const shop = { 'x-client': 'shop' }
  t.strictSame(
    await statuses(app, shop, { ...shop, 'x-caller': 'bob' }, {}, { 'x-caller': 'bob' }, {}),
    [200, 429, 200, 200, 429]
  )
})

t.test('a limit per source counts an address, or the /64 of one', async t => {
  const { app } = await limitedApp(t, { per: 'source', requests: 1 })
  const from = (remoteAddress: string) => ({ remoteAddress })
  const addresses = ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1']
  t.strictSame(await statuses(app, ...addresses.map(from)), [200, 429, 200, 200, 429, 200])
})

t.test('a limit per route counts everybody, each route alone; other limits count over all their routes', async t => {
  const routes = [{ rateLimits: ['few'] }, { path: '/others/*', rateLimits: ['few'] }]
  const perRoute = await limitedApp(t, { per: 'route', requests: 1 }, ...routes)
  const bob = { 'x-caller': 'bob' }
  t.strictSame(await statuses(perRoute.app, {}, bob, { url: '/others/1' }), [200, 429, 200])
  const perPrincipal = await limitedApp(t, { requests: 1 }, ...routes)
  t.strictSame(await statuses(perPrincipal.app, {}, { url: '/others/1' }, bob), [200, 429, 200])
})

t.test('several limits hold together; one that refuses uses nothing of the others', async t => {
  const service = await startPlainService(t)
  const rateLimits = { narrow: { ...LIMIT, requests: 1 }, wide: { ...LIMIT, per: 'route' as const, requests: 5 } }
  const app = await forwardingApp(t, limitedTable(service, rateLimits, { rateLimits: ['narrow', 'wide'] }))
  t.strictSame(await statuses(app, {}, {}, {}), [200, 429, 429])
  const answer = await app.inject({ url: '/orders/1', headers: { 'x-caller': 'bob' } })
  t.match(answer.headers['ratelimit'], /^"narrow";r=0;t=\d+, "wide";r=3;t=\d+$/)
  t.equal(answer.headers['ratelimit-policy'], '"narrow";q=1;w=3600, "wide";q=5;w=3600')
})

t.test('limits of the defaults hold where a route names none; a route without any is not counted', async t => {
  const service = await startPlainService(t)
  const routes = [{}, { path: '/free/*', rateLimits: [] }, { path: '/open/*', access: 'public' as const }]
  const rateLimits = { few: { ...LIMIT, requests: 1 } }
  const app = await forwardingApp(t, {
    ...limitedTable(service, rateLimits, ...routes),
    defaults: { rateLimits: ['few'] }
  })
  t.strictSame(await statuses(app, {}, {}), [200, 429])
  for (const url of ['/free/1', '/open/1']) {
    t.strictSame(await statuses(app, { url }, { url }), [200, 200])
    const { headers } = await app.inject({ url, headers: ALICE })
    t.notOk('ratelimit' in headers || 'ratelimit-policy' in headers)
  }
})

t.test('another table has its limits at once, and what was counted stays counted', async t => {
  const { app, service } = await limitedApp(t, { requests: 1 })
  t.strictSame(await statuses(app, {}, {}), [200, 429])
  app.forwarding.replace(limitedTable(service, { few: { ...LIMIT, requests: 2 } }, { rateLimits: ['few'] }))
  t.strictSame(await statuses(app, {}, {}), [200, 429])
  app.forwarding.replace(limitedTable(service, {}, {}))
  t.strictSame(await statuses(app, {}, {}, {}), [200, 200, 200])
})

t.test('limits that nobody has declared, or that cannot be counted, are mistakes', async t => {
  const service = await startPlainService(t)
  const wrong: ReadonlyArray<readonly [RouteTableOptions, RegExp]> = [
    [
      limitedTable(service, { few: LIMIT }, { rateLimits: ['fex'] }),
      /routes\.0\.rateLimits\.0: there is no limit "fex" \(did you mean few\?\)/
    ],
    [limitedTable(service, { few: LIMIT }, { rateLimits: ['few', 'few'] }), /in rateLimits a second time/],
    [
      limitedTable(service, { few: LIMIT }, { rateLimits: ['few'], access: 'public' }),
      /a public route knows no callers, and this limit counts them/
    ],
    [
      { ...limitedTable(service, {}, {}), defaults: { rateLimits: ['few'] } },
      /defaults\.rateLimits\.0: there is no limit/
    ],
    [limitedTable(service, { few: { ...LIMIT, requests: 0 } }, {}), /rateLimits\.few\.requests/]
  ]
  for (const [table, mistake] of wrong) {
    const failed = await forwardingApp(t, table).then(
      () => 'no mistake',
      (error: Error) => error.message
    )
    t.match(failed, mistake)
  }
})
