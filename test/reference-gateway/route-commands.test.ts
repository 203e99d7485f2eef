import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runProcessProgram } from '@sallyport/service-process'
import { routesOfApp, type AppRoute } from '@sallyport/security-context'
import { routeCommands } from '../../reference-gateway/src/commands/route-commands.ts'
import { ownRoutes } from '../../reference-gateway/src/gateway-parts.ts'
import { program } from '../../reference-gateway/src/program.ts'
import { startEdge } from '../support/edge.ts'
import { LOCAL_ROUTES, localReferences } from '../support/local-table.ts'

const FILE = `
upstreams:
  orders: { origin: '\${ORDERS_ORIGIN}', timeouts: { headMs: 2000 } }
routes:
  - path: /orders/*
    methods: [GET]
    hosts: [shop.example]
    upstream: orders
    rewrite: /v1/orders
    forward: { audience: order-service }
    access: { scopes: ['orders:read'], roles: [CUSTOMER, ADMIN] }
    strategies: [bearer, session]
    requestHeaders: { pass: [x-tenant], set: { x-key: '\${KEY}' } }
  - { path: /about, upstream: orders, forward: none, access: public, cors: { origins: '*' } }
`
const OVERLAY = 'routes: [{ path: /news, upstream: orders, rewrite: /about, forward: none, access: public }]\n'
const ENVIRONMENT = { ORDERS_ORIGIN: 'https://orders.internal', KEY: 'hunter2-hunter2' }

/** Runs one command of the gateway over a file. */
async function command(
  t: Test,
  args: readonly string[],
  text = FILE,
  environment: Readonly<Record<string, string>> = ENVIRONMENT
) {
  const path = join(t.testdir({ 'gateway.yaml': text, 'overlay.yaml': OVERLAY }), 'gateway.yaml')
  const printed = { out: '', error: '' }
  const output = {
    out: (line: string) => {
      printed.out += `${line}\n`
    },
    error: (line: string) => {
      printed.error += `${line}\n`
    }
  }
  const code = await runProcessProgram(
    { ...program, furtherCommands: routeCommands(output) },
    {
      call: 'sallyport-gateway',
      version: '0',
      args,
      environment: { SALLYPORT_ROUTES_PATH: path, ...environment },
      ...output
    }
  )
  return { code, ...printed }
}

t.test('check says every mistake with its line and column', async t => {
  t.same(await command(t, ['check']), { code: 0, out: 'gateway.yaml: 2 routes to 1 upstreams\n', error: '' })
  const wrong = await command(t, ['check'], FILE.replace('upstream: orders', 'upstream: ordres'), {})
  t.equal(wrong.code, 1)
  t.same(wrong.error.trim().split('\n'), [
    'gateway.yaml:3:21: origin: the environment has no ORDERS_ORIGIN',
    'gateway.yaml:8:15: there is no upstream "ordres" (did you mean orders?)',
    'gateway.yaml:13:55: x-key: the environment has no KEY'
  ])
  const json = await command(t, ['check', '--json'], 'routes: []')
  t.equal(json.code, 1)
  t.match(JSON.parse(json.out), { isValid: false, mistakes: [{ line: 1, column: 1, message: 'upstreams is missing' }] })
  t.match(await command(t, ['check', '/nowhere/gateway.yaml']), {
    code: 1,
    error: /^gateway\.yaml: cannot be read \(ENOENT\)/
  })
})

t.test('check knows the routes that the gateway has itself with the settings of its environment', async t => {
  const file = FILE.replace('/about', '/sessions/me')
  t.match(await command(t, ['check'], file), { code: 0 }, 'without sessions the path is free')
  const environment = {
    ...ENVIRONMENT,
    SALLYPORT_CLIENT_SECRET_FILE: '/run/secrets/client',
    SALLYPORT_SEALING_KEYS_FILE: '/run/secrets/keys',
    SALLYPORT_AUTH_SERVER_ORIGIN: 'https://login.example',
    DATABASE_URL: 'postgres://a'
  }
  for (const [args, code] of [
    [['check'], 1],
    [['routes'], 1],
    [['explain', 'GET', '/sessions/me'], 1]
  ] as const) {
    const { error, ...said } = await command(t, args, file, environment)
    t.equal(said.code, code)
    t.equal(
      error.trim(),
      'gateway.yaml:14:13: DELETE /sessions/:sessionId is a route of the app itself, and takes requests of /sessions/me'
    )
  }
})

t.test('check, routes and explain take an overlay, of a file or of the environment', async t => {
  const overlay = join(t.testdirName, 'overlay.yaml')
  t.match(await command(t, ['check', '--overlay', overlay]), {
    code: 0,
    out: 'gateway.yaml: 3 routes to 1 upstreams\n'
  })
  t.match(await command(t, ['explain', 'GET', '/news', '--overlay', overlay]), {
    code: 0,
    out: /orders\.internal\/about/
  })
  const environment = { ...ENVIRONMENT, SALLYPORT_ROUTES_OVERLAY: 'upstreams: { orders: { origin: "https://x" } }' }
  const { code, error } = await command(t, ['routes'], FILE, environment)
  t.equal(code, 1)
  t.equal(error.trim(), 'routesOverlay:1:24: origin is only ever pushed: it belongs in the file of routes')
  t.match(await command(t, ['routes', '--overlay', '/nowhere']), { code: 2, error: /cannot be read/ })
})

t.test('the routes that the commands take for the gateway’s own are those of the running gateway', async t => {
  const directory = { list: async () => [], end: async () => true, endAll: async () => {} }
  const { app } = await startEdge(t, {
    settings: { webClient: true },
    collaborators: { sessionDirectory: directory }
  })
  const texts = (routes: readonly AppRoute[]) => routes.map(({ method, url }) => `${method} ${url}`).toSorted()
  t.same(
    texts(ownRoutes({ hasSessions: true, hasSessionDirectory: true, hasAuditTrail: true, hasWebClient: true })),
    texts(routesOfApp(app).filter(({ url }) => url !== '/*'))
  )
})

t.test('routes says who may pass where', async t => {
  const { code, out } = await command(t, ['routes'])
  t.equal(code, 0)
  const [head = '', first = '', second = ''] = out.split('\n')
  t.match(head, /^METHODS +HOST +PATH +MAY PASS +PROVEN BY +UPSTREAM +CREDENTIAL$/)
  t.match(
    first,
    /^GET,HEAD +shop\.example +\/orders\/\* +role CUSTOMER or ADMIN, and scope orders:read +bearer, then session +orders \(https:\/\/orders\.internal\) +a token for order-service$/
  )
  t.match(second, /\* +\/about +everybody +not asked +orders .* +none$/)
  t.match(JSON.parse((await command(t, ['routes', '--json'])).out), [
    { path: '/orders/*', maxBodyBytes: 1_048_576 },
    {}
  ])
})

t.test('explain says what becomes of a request, with the limits of file and settings', async t => {
  const explained = await command(t, ['explain', 'GET', '/orders/1?x=1', '--host', 'shop.example'], FILE, {
    ...ENVIRONMENT,
    SALLYPORT_MAX_BODY_BYTES: '100',
    SALLYPORT_ANSWER_TIMEOUT_MS: '40000'
  })
  t.equal(explained.code, 0)
  t.match(explained.out, 'goes to           orders: https://orders.internal/v1/orders/1?x=1\n')
  t.match(explained.out, /request headers {3}accept, .*, x-tenant; set here: x-key\n/)
  t.match(explained.out, 'body              up to 100 bytes\n')
  t.match(explained.out, 'head within 2000 ms, pauses up to 10000 ms, whole within 40000 ms\n')
  t.match(await command(t, ['explain', 'GET', '/orders/1']), { code: 1, out: /no route of the file is for it/ })
  t.match(await command(t, ['explain', 'DELETE', '/orders/1', '--host', 'shop.example']), { code: 1 })
  t.match(await command(t, ['explain', 'GET', '/orders/%2e%2e/x']), { code: 1, out: /refused: needless/ })
  const json = JSON.parse((await command(t, ['explain', 'get', '/about', '--json'])).out)
  t.match(json, { outcome: 'forwarded', target: 'https://orders.internal/about', route: { credential: 'none' } })
})

t.test('G-21: no output has the value of a reference that could be a secret', async t => {
  for (const args of [['check'], ['routes'], ['explain', 'GET', '/orders/1', '--host', 'shop.example']]) {
    for (const more of [[], ['--json']]) {
      const { out, error } = await command(t, [...args, ...more])
      t.notMatch(out + error, 'hunter2')
    }
  }
})

t.test('a wrong call is told with exit code 2', async t => {
  for (const args of [
    ['dance'],
    ['explain'],
    ['explain', 'GET', 'orders'],
    ['routes', '--colour'],
    ['explain', 'GET', '/a', '/b']
  ]) {
    t.match(await command(t, args), { code: 2, out: '', error: /See: sallyport-gateway --help/ }, args.join(' '))
  }
})

t.test('the file of the local stack has no mistakes, and every route says who may pass', async t => {
  const environment = localReferences('https://a.example')
  t.match(await command(t, ['check', LOCAL_ROUTES], FILE, environment), { code: 0, out: /routes to \d+ upstreams/ })
})

t.test('routes and explain show every target, and what guards the upstream', async t => {
  const guarded = `
upstreams:
  orders:
    targets:
      - { origin: https://orders-1.internal }
      - { origin: https://orders-2.internal, weight: 3, name: canary }
    healthCheck: { path: /ready }
    ejection: { connectFailures: 4, serverErrors: 9 }
    retries: { attempts: 3, attemptTimeoutMs: 700 }
    breaker: {}
    bulkhead: { maxPending: 8, maxQueued: 2 }
routes:
  - { path: /about, upstream: orders, forward: none, access: public }
`
  const { out } = await command(t, ['routes'], guarded)
  t.match(out, 'orders (https://orders-1.internal (1, weight 1), https://orders-2.internal (canary, weight 3))')
  const explained = await command(t, ['explain', 'GET', '/about'], guarded)
  for (const line of [
    'targets           https://orders-1.internal (1, weight 1), https://orders-2.internal (canary, weight 3)',
    'guarded           asks each target for /ready every 5000 ms: out after 2 bad answers, in after 2 good ones',
    'leaves a target out for 10000 ms after 4 failures in a row, or 9 answers of 5xx',
    'sends up to 3 times, 20 % more requests in all; again after 502, 503, 504 or 700 ms',
    'stops for 5000 ms when 50 % of the last 20 calls failed',
    '8 requests at a time, 2 wait up to 1000 ms'
  ]) {
    t.match(explained.out, line)
  }
  const json = JSON.parse((await command(t, ['explain', 'GET', '/about', '--json'], guarded)).out)
  t.match(json.route, {
    targets: [
      { name: '1', weight: 1 },
      { name: 'canary', origin: 'https://orders-2.internal', weight: 3 }
    ],
    guards: { retries: { attempts: 3 }, breaker: { openMs: 5000 }, bulkhead: { maxPending: 8 } }
  })
  const plain = JSON.parse((await command(t, ['explain', 'GET', '/about', '--json'])).out)
  t.match(plain.route, { targets: [{ origin: 'https://orders.internal' }], guards: { retries: null, breaker: null } })
})
