/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
// What a configuration server may say over the routes that were pushed, and what it may not.
import { readGatewayDocument, readRoutesOverlay } from '@sallyport/forwarding/document'
import type { RouteTableOptions } from '@sallyport/forwarding'
import t from 'tap'
import { sourcesOf } from './support/read.ts'

const PUSHED = `
defaults: { maxBodyBytes: 1000 }
upstreams:
  orders: { origin: https://orders.internal:8443, maxConnections: 8 }
  web: { origin: https://web.internal:8443 }
  spare: { origin: https://spare.internal:8443 }
routes:
  - path: /orders/*
    upstream: orders
    forward: { audience: order-service, scope: 'orders:read orders:write' }
    access: { scopes: ['orders:read'], roles: [CUSTOMER, ADMIN] }
    requestHeaders: { set: { x-edge: eu } }
  - { path: /orders/admin/*, upstream: orders, forward: { audience: order-service }, access: { roles: [ADMIN] } }
  - path: /account/*
    upstream: web
    forward: token
    access: authenticated
    strategies: [session, bearer]
    stepUp: { maxAgeSeconds: 300, acr: [mfa, passkey] }
  - { path: /*, upstream: web, forward: none, access: public, rewrite: /site }
`

function pushed(): RouteTableOptions {
  const { table } = readGatewayDocument(PUSHED, sourcesOf())
  if (table === null) throw new Error('the pushed routes have mistakes')
  return table
}

function overlayMistakesIn(text: string, own: Array<{ method: string; url: string }> = []): string[] {
  return readRoutesOverlay(text, pushed(), own).mistakes.map(
    ({ line, column, message }) => `${line}:${column} ${message}`
  )
}

t.test('an overlay changes limits, and what it names of a pushed route; everything else stays', async t => {
  const { table, mistakes } = readRoutesOverlay(
    `
defaults: { timeouts: { totalMs: 5000 } }
upstreams:
  orders: { maxConnections: 16, timeouts: { headMs: 900 } }
routes:
  - path: /orders/*
    maxBodyBytes: 50
    access: { scopes: ['orders:read', 'orders:write'], roles: [ADMIN] }
`,
    pushed()
  )
  t.same(mistakes, [])
  const expected = pushed()
  t.same(table?.defaults, { maxBodyBytes: 1000, timeouts: { totalMs: 5000 } })
  t.same(table?.upstreams.orders, { ...expected.upstreams.orders, maxConnections: 16, timeouts: { headMs: 900 } })
  t.same(table?.upstreams.web, expected.upstreams.web)
  t.match(table?.routes[0], {
    upstream: 'orders',
    maxBodyBytes: 50,
    forward: { audience: 'order-service' },
    requestHeaders: { set: { 'x-edge': 'eu' } },
    access: { kind: 'allOf', policies: [{ anyOf: ['ADMIN'] }, { allOf: ['orders:read', 'orders:write'] }] }
  })
  t.same(table?.routes.slice(1), expected.routes.slice(1))
})

t.test(
  'an overlay adds routes to pushed upstreams, in JSON too, with a credential that the service gets already',
  async t => {
    const { table, mistakes } = readRoutesOverlay(
      JSON.stringify({
        routes: [
          {
            path: '/v2/orders/:id',
            methods: ['GET'],
            upstream: 'orders',
            forward: { audience: 'order-service', scope: 'orders:read' },
            access: { roles: ['ADMIN'], scopes: ['orders:read'] }
          },
          { path: '/news/*', upstream: 'web', rewrite: '/site/news', forward: 'none', access: 'public' },
          { path: '/spare/*', upstream: 'spare', forward: 'none', access: 'authenticated' }
        ]
      }),
      pushed()
    )
    t.same(mistakes, [])
    t.same(
      table?.routes.map(({ path, upstream }) => `${path} ${upstream}`),
      [
        ...pushed().routes.map(({ path, upstream }) => `${path} ${upstream}`),
        '/v2/orders/:id orders',
        '/news/* web',
        '/spare/* spare'
      ]
    )
  }
)

t.test('an empty overlay changes nothing', async t => {
  t.same(readRoutesOverlay('{}', pushed()), { table: pushed(), mistakes: [] })
})

const REFUSED: Readonly<Record<string, readonly [text: string, ...mistakes: string[]]>> = {
  'a new address': [
    'upstreams:\n  orders: { origin: https://evil.example }',
    '2:13 origin is only ever pushed: it belongs in the file of routes'
  ],
  'other trust': [
    'upstreams:\n  orders: { tls: { serverName: evil.example } }',
    '2:13 tls is only ever pushed: it belongs in the file of routes'
  ],
  'a new upstream': [
    'upstreams:\n  stock: { maxConnections: 1 }',
    '2:10 there is no upstream "stock" among the pushed ones, and an overlay adds none'
  ],
  'a route to an upstream that was not pushed': [
    'routes:\n  - { path: /a, upstream: stock, forward: none, access: authenticated }',
    '2:27 there is no upstream "stock" (there are orders, web, spare)'
  ],
  'pages of another origin': [
    "routes:\n  - { path: /orders/*, cors: { origins: ['https://evil.example'] } }",
    '2:24 cors is only ever pushed: it belongs in the file of routes'
  ],
  'headers of requests and answers, and how answers are kept': [
    "routes:\n  - { path: /orders/*, requestHeaders: {}, responseHeaders: {}, cacheControl: 'x', contentSecurityPolicy: 'x' }",
    '2:24 requestHeaders is only ever pushed: it belongs in the file of routes',
    '2:44 responseHeaders is only ever pushed: it belongs in the file of routes',
    '2:65 cacheControl is only ever pushed: it belongs in the file of routes',
    '2:84 contentSecurityPolicy is only ever pushed: it belongs in the file of routes'
  ],
  'headers that pass on every route': [
    'defaults: { requestHeaders: { pass: [x-user] } }',
    '1:13 requestHeaders is only ever pushed: it belongs in the file of routes'
  ],
  'a weaker access to a pushed route': [
    'routes:\n  - { path: /orders/*, access: authenticated }',
    '2:32 access asks less of callers than the pushed route /orders/*'
  ],
  'one scope less': [
    'routes:\n  - { path: /orders/*, access: { roles: [CUSTOMER] } }',
    '2:32 access asks less of callers than the pushed route /orders/*'
  ],
  'one role more': [
    "routes:\n  - { path: /orders/*, access: { roles: [CUSTOMER, ADMIN, COURIER], scopes: ['orders:read'] } }",
    '2:32 access asks less of callers than the pushed route /orders/*'
  ],
  'a hole in a pushed route': [
    'routes:\n  - { path: /orders/:id, methods: [GET], upstream: web, forward: none, access: public }',
    '2:5 strategies asks less of callers than the pushed route /account/*',
    '2:5 stepUp asks less of callers than the pushed route /account/*',
    '2:80 no pushed route opens this path of web to everybody',
    '2:80 access asks less of callers than the pushed route /orders/*',
    '2:80 access asks less of callers than the pushed route /orders/admin/*',
    '2:80 access asks less of callers than the pushed route /account/*'
  ],
  'another service for requests of a pushed route': [
    'routes:\n  - { path: /orders/open, upstream: web, rewrite: /site/open, forward: none, access: public }',
    '2:86 access asks less of callers than the pushed route /orders/*'
  ],
  'another way to the same path of a service': [
    'routes:\n  - { path: /o/*, rewrite: /orders, upstream: orders, forward: none, access: authenticated }',
    '2:78 access asks less of callers than the pushed route /orders/*',
    '2:78 access asks less of callers than the pushed route /orders/admin/*'
  ],
  'everything of a service under a path of its own': [
    'routes:\n  - { path: /all/*, rewrite: /, upstream: orders, forward: none, access: { roles: [ADMIN] } }',
    '2:74 access asks less of callers than the pushed route /orders/*'
  ],
  'a path of a service that no pushed route calls, for more callers than any': [
    'routes:\n  - { path: /internal, upstream: orders, forward: none, access: authenticated }',
    '2:65 access asks less of callers than the pushed route /orders/*',
    '2:65 access asks less of callers than the pushed route /orders/admin/*'
  ],
  'a path that no pushed route opens, for everybody': [
    'routes:\n  - { path: /spare/*, upstream: spare, forward: none, access: public }',
    '2:63 no pushed route opens this path of spare to everybody'
  ],
  'another strategy': [
    'routes:\n  - { path: /account/*, strategies: [basic] }',
    '2:37 strategies asks less of callers than the pushed route /account/*'
  ],
  'an older login': [
    'routes:\n  - { path: /account/*, stepUp: { maxAgeSeconds: 301, acr: [mfa] } }',
    '2:33 stepUp asks less of callers than the pushed route /account/*'
  ],
  'a weaker login': [
    'routes:\n  - { path: /account/*, stepUp: { maxAgeSeconds: 300, acr: [pwd] } }',
    '2:33 stepUp asks less of callers than the pushed route /account/*'
  ],
  'the token for another service': [
    'routes:\n  - { path: /account/*, forward: { audience: order-service } }',
    '2:34 no pushed route sends this credential to web'
  ],
  "the caller's own token": [
    'routes:\n  - { path: /orders/*, forward: token }',
    '2:33 no pushed route sends this credential to orders'
  ],
  'a wider token than the callers of its pushed route get': [
    'routes:\n  - { path: /orders/*, forward: { audience: order-service } }',
    '2:33 only pushed routes that ask more of callers send this credential to orders'
  ],
  'a service that gets no token yet': [
    'routes:\n  - { path: /spare, upstream: spare, forward: { audience: spare }, access: authenticated }',
    '2:47 no pushed route sends this credential to spare'
  ],
  'a route without what only a pushed one has said': [
    'routes:\n  - { path: /v2/orders/* }',
    '2:5 upstream is missing: no pushed route is for these requests',
    '2:5 forward is missing: no pushed route is for these requests',
    '2:5 access is missing: no pushed route is for these requests'
  ],
  'part of the requests of a pushed route': [
    'routes:\n  - { path: /orders/*, methods: [GET], upstream: orders, forward: none, access: { roles: [ADMIN], scopes: ["orders:read"] } }',
    '2:3 with the pushed routes: routes.4.path: GET /orders/* is what routes.0 is for'
  ],
  'a credential on a public route': [
    'routes:\n  - { path: /*, forward: token }',
    '2:3 with the pushed routes: routes.3.forward: a public route forwards no credential: forward must be none'
  ],
  'references to variables and files of this process': [
    "routes:\n  - { path: /account/*, hosts: ['file:/run/secrets/key'], upstream: web, forward: { audience: '${KEY}' }, access: authenticated }",
    '2:33 each of hosts must be a host, or host:port',
    '2:95 audience takes no reference; it must be an audience'
  ],
  'what is no overlay': ['- 1', '1:1 the document must be an object'],
  'an unknown name': ['route: []', '1:1 "route" is not known here (did you mean routes?)'],
  'text that is neither YAML nor JSON': ['{', '1:2 not YAML: flow map must end with a }']
}

for (const [what, [text, ...mistakes]] of Object.entries(REFUSED)) {
  t.test(`an overlay is refused by name with ${what}`, async t => {
    t.same(overlayMistakesIn(text), mistakes)
    t.equal(readRoutesOverlay(text, pushed()).table, null)
  })
}

t.test("an overlay is refused where it takes requests of the gateway's own routes", async t => {
  const route = 'routes:\n  - { path: /login, methods: [POST], upstream: web, forward: none, access: authenticated }'
  t.match(overlayMistakesIn(route, [{ method: 'POST', url: '/login' }]), [/2:\d+ .*\/login/])
})

t.test('another way to a service is no way around its limits, and an overlay declares none', t => {
  const limited = PUSHED.replace(
    'upstreams:',
    'rateLimits: { few: { per: principal, requests: 9, windowSeconds: 60 } }\nupstreams:'
  ).replace('access: { scopes:', 'rateLimits: [few]\n    access: { scopes:')
  const { table } = readGatewayDocument(limited, sourcesOf())
  if (table === null) throw new Error('the pushed routes have mistakes')
  const added = {
    path: '/more/*',
    upstream: 'orders',
    forward: { audience: 'order-service' },
    access: { roles: ['ADMIN'] }
  }
  const laid = readRoutesOverlay(
    JSON.stringify({ routes: [{ ...added, access: { scopes: ['orders:read'], roles: ['ADMIN'] } }] }),
    table
  )
  t.strictSame(laid.mistakes, [])
  t.strictSame(laid.table?.routes.at(-1)?.rateLimits, ['few'])
  t.strictSame(laid.table?.rateLimits, table.rateLimits)
  const refused = readRoutesOverlay('rateLimits: {}', table)
  t.match(refused.mistakes, [{ message: /rateLimits is only ever pushed/ }])
  t.end()
})

t.test('what an overlay does not say stays as it was pushed: every member of the table', async t => {
  const table: RouteTableOptions = {
    ...pushed(),
    rateLimits: { caller: { per: 'principal', requests: 10, windowSeconds: 60 } },
    shedding: { maxPending: 100 }
  }
  const { table: laid } = readRoutesOverlay('upstreams: { orders: { maxConnections: 4 } }', table)
  t.equal(laid?.upstreams.orders?.maxConnections, 4)
  t.same({ ...laid, upstreams: {} }, { ...table, upstreams: {} })
})
