/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
import { readGatewayDocument } from '@sallyport/forwarding/document'
import t from 'tap'
import { mistakesIn, PLAIN, readText, sourcesOf, withRoute } from './support/read.ts'

t.test('a document becomes upstreams, routes and defaults', async t => {
  const { table, mistakes } = readText(`
# a comment
defaults:
  maxBodyBytes: 65536
  timeouts: { headMs: 1000 }
upstreams:
  orders:
    origin: https://orders.internal:8443
    maxConnections: 64
routes:
  - path: /orders/*
    hosts: [shop.example, 'shop.example:8443']
    methods: [GET, POST]
    upstream: orders
    rewrite: /v1/orders
    forward: { audience: order-service, scope: 'orders:read orders:write' }
    access: { roles: [CUSTOMER, ADMIN], scopes: ['orders:read'] }
    strategies: [bearer, session]
    requestHeaders: { pass: [x-tenant], set: { x-edge: eu } }
    responseHeaders: { set: { x-frame: 'no' }, remove: [x-debug] }
    cacheControl: no-cache
    stream: true
    cors: { origins: ['https://shop.example'], credentials: true, maxAgeSeconds: 600 }
  - { path: /about, upstream: orders, forward: none, access: public }
`)
  t.same(mistakes, [])
  t.match(table, {
    defaults: { maxBodyBytes: 65_536, timeouts: { headMs: 1000 } },
    upstreams: { orders: { origin: 'https://orders.internal:8443', maxConnections: 64 } },
    routes: [
      {
        path: '/orders/*',
        hosts: ['shop.example', 'shop.example:8443'],
        methods: ['GET', 'POST'],
        rewrite: '/v1/orders',
        forward: { audience: 'order-service', scope: 'orders:read orders:write' },
        access: {
          kind: 'allOf',
          policies: [
            { kind: 'role', anyOf: ['CUSTOMER', 'ADMIN'] },
            { kind: 'scope', allOf: ['orders:read'] }
          ]
        },
        cors: { origins: ['https://shop.example'], credentials: true }
      },
      { path: '/about', access: 'public' }
    ]
  })
})

t.test('the same document in JSON means the same', async t => {
  const yaml = readText(withRoute(`${PLAIN}\nmethods: [GET]\nrequestHeaders: { set: { x-sign: "\\u00e9\\/" } }`))
  const json = readText(`{
	"$schema": "./gateway.schema.json",
	"upstreams": {"orders": {"origin": "https://orders.internal:8443"}},
	"routes": [{"path": "/orders/*", "upstream": "orders", "forward": "none", "access": "authenticated",
	"methods": ["GET"], "requestHeaders": {"set": {"x-sign": "\\u00e9\\/"}}}]
}`)
  t.same(json.mistakes, [])
  t.same(json.table, yaml.table)
})

t.test('an anchor is written once and used often', async t => {
  const { table } = readText(`
upstreams: { orders: { origin: 'https://orders.internal' } }
routes:
  - { path: /a, upstream: orders, forward: none, access: &readers { roles: [READER] } }
  - { path: /b, upstream: orders, forward: none, access: *readers }
`)
  t.same(table?.routes[1]?.access, { kind: 'role', anyOf: ['READER'] })
})

t.test('every mistake is named at once, with its line and column', async t => {
  const text = `upstream: {}
upstreams:
  orders: { origin: orders.internal }
  plain: { origin: 'http://far.example' }
  bad name!: { origin: 'https://a.example' }
routes:
  - path: orders
    upstream: ordres
    forward: { audience: 1 }
    acess: public
    methods: [GET, get, GET]
  - path: /a
    upstream: plain
    forward: tokn
    access: {}
    timeouts: { headMs: 0 }
    cors: { origins: '*', credentials: true }
    requestHeaders: { pass: [cookie, 'a b'], set: { 'x y': a } }
  - 1
`
  t.same(mistakesIn(text), [
    '1:1 "upstream" is not known here (did you mean upstreams?)',
    '3:21 origin must be scheme, host and port, such as https://orders.internal:8443',
    '4:20 origin must be https: beyond loopback',
    '5:3 "bad name!" must be a name of letters, digits, dots and dashes',
    '7:5 access is missing',
    '7:11 path must be a path such as /orders, /orders/:id or /orders/*',
    '8:15 there is no upstream "ordres" (did you mean orders?)',
    '9:26 audience must be an audience: write it in quotes',
    '10:5 "acess" is not known here (did you mean access?)',
    '11:20 each of methods must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    '11:25 this is in methods a second time',
    '14:14 forward must be token, none, or an object with audience',
    '15:13 access must name scopes, roles or both',
    '16:25 headMs must be a whole number from 1 to 2147483647',
    '17:40 credentials must not be given to every origin: name the origins',
    '18:30 "cookie" must not reach a service from outside',
    '18:38 each of pass must be the name of a header',
    '18:53 "x y" must be the name of a header',
    '19:5 each of routes must be an object'
  ])
})

const refusals: ReadonlyArray<readonly [title: string, lines: string, message: string]> = [
  [
    'a public route with a token',
    'forward: token\naccess: public',
    '7:14 a public route forwards no credential: forward must be none'
  ],
  [
    'strategies of a public route',
    'forward: none\naccess: public\nstrategies: [basic]',
    '9:17 a public route asks for no strategies'
  ],
  [
    'a whole limit shorter than its parts',
    `${PLAIN}\ntimeouts: { headMs: 5, totalMs: 4 }`,
    '9:37 totalMs must not be shorter than headMs and pauseMs, which are parts of it'
  ],
  [
    'a header value with a line break',
    `${PLAIN}\nresponseHeaders: { set: { a: "b\\r\\nc: d" } }`,
    '9:34 a must be a header value without control characters'
  ],
  ['an empty list of roles', 'forward: none\naccess: { roles: [] }', '8:22 roles must not be empty'],
  ['a scope with a space', "forward: none\naccess: { scopes: ['a b'] }", '8:24 each of scopes must be a scope'],
  [
    'an access that there is not',
    'forward: none\naccess: everybody',
    '8:13 access must be public, authenticated, or an object with scopes, roles or both'
  ],
  ['a path that leads elsewhere', `${PLAIN}\nrewrite: /a/../b`, '9:14 rewrite must be a path'],
  [
    'an origin of CORS with a path',
    `${PLAIN}\ncors: { origins: ['https://a.example/'] }`,
    '9:23 each of origins must be an origin such as https://shop.example'
  ]
]
for (const [title, lines, message] of refusals) {
  t.test(`${title} is a mistake`, async t => {
    t.same(mistakesIn(withRoute(lines)), [message])
  })
}

t.test('routes that do not fit together are mistakes at their places', async t => {
  const routes = [
    '{ path: /a/:id, upstream: orders, forward: none, access: public, name: one }',
    '{ path: /a/:other, upstream: orders, forward: none, access: public, methods: [GET], name: one }',
    '{ path: /b, upstream: orders, forward: token, access: authenticated, requestHeaders: { set: { Host: a, Authorization: b } } }',
    '{ path: /c, upstream: orders, forward: none, access: public, responseHeaders: { set: { Set-Cookie: a } } }',
    '{ path: /d, upstream: orders, forward: none, access: public, requestHeaders: { set: { X-A: a, x-a: b } } }'
  ]
  const text = `upstreams: { orders: { origin: 'https://a.example' } }\nroutes:\n  - ${routes.join('\n  - ')}`
  t.same(mistakesIn(text), [
    '4:13 GET /a/:* is what routes.0 is for',
    '4:95 another route has this name',
    '5:105 "Host" is not for a route to set',
    '5:123 authorization is the credential that goes on: forward must be none',
    '6:104 "Set-Cookie" is not for a route to set',
    '7:104 "x-a" is set a second time'
  ])
})

t.test('text that could be read in two ways is refused', async t => {
  const rest = 'upstreams: {}\nroutes: []\n'
  t.same(mistakesIn(`${rest}routes: []`), ['3:1 "routes" is here a second time'])
  t.same(mistakesIn('upstreams: !!map {}\nroutes: []'), ['1:12 a tag is not allowed'])
  t.same(mistakesIn(`%YAML 1.1\n---\n${rest}`), ['1:1 a directive is not allowed'])
  t.same(mistakesIn(`${rest}---\n${rest}`), ['3:1 there is a second document in the file'])
  t.match(mistakesIn(`${rest}1: a`), ['3:1 a key must be a text: write it in quotes'])
  t.match(mistakesIn(`${rest}<<: {}`), [/^3:1 "<<" is not known here/])
  t.match(mistakesIn('upstreams: &a { x: *a }\nroutes: *b'), [
    '1:20 the alias *a stands for nothing before it',
    /^1:20 x must be/,
    '2:9 the alias *b stands for nothing before it',
    /^2:9 routes must be/
  ])
  t.same(
    mistakesIn('upstreams:\n  a: { origin: ${X} }\n  b: { origin: 1 }\nroutes: []'),
    ['2:17 not YAML: unexpected flow-map-start at node end', '2:18 not YAML: unexpected scalar at node end'],
    'what the parser says of the rest, in which it has lost its way, is no mistake'
  )
  t.match(mistakesIn('upstreams:\n\torders: {}'), [/^2:1 not YAML: tabs/])
  for (const text of ['', '# nothing\n', '[]', 'text', '1']) {
    t.match(mistakesIn(text), [/the document must be an object/])
  }
})

t.test('what no sensible file has is given up', async t => {
  t.match(mistakesIn('['.repeat(5000)), ['1:101 is nested too deep'])
  t.match(mistakesIn('- '.repeat(5000)), [/ is nested too deep$/])
  t.match(mistakesIn(`#${'x'.repeat(1_048_576)}`), ['1:1 the document is longer than 1048576 characters'])
  const aliases = 'abcdefghij'.split('').map((name, place, all) => {
    const before = all[place - 1]
    return `${name}: &${name} [${(before === undefined ? '1,' : `*${before},`).repeat(10)}]`
  })
  t.ok(mistakesIn(aliases.join('\n')).some(mistake => mistake.endsWith('the document has more than 100000 values')))
  t.match(mistakesIn(`a: 1\n${Array.from({ length: 200 }, (_, n) => `k${n}: 1`).join('\n')}`).at(-1), / more$/)
})

t.test('a route that shares requests with one of the app has line and column, in both directions', async t => {
  const own = [
    { method: 'GET', url: '/sessions' },
    { method: 'DELETE', url: '/sessions/:id' }
  ]
  const text = `upstreams: { a: { origin: 'https://a' } }
routes:
  - { path: /sessions/me, methods: [DELETE], upstream: a, forward: none, access: public }
  - { path: /sessions/me, methods: [GET], upstream: a, forward: none, access: public }
  - path: /sessions/*
    upstream: a
    forward: none
    access: public
  - { path: /*, upstream: a, forward: none, access: public }
`
  const { mistakes } = readGatewayDocument(text, sourcesOf(), own)
  t.same(
    mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`),
    [
      '3:13 DELETE /sessions/:id is a route of the app itself, and takes requests of /sessions/me',
      '5:11 GET, HEAD /sessions is a route of the app itself, and takes requests of /sessions/*',
      '5:11 DELETE /sessions/:id is a route of the app itself, and takes requests of /sessions/*'
    ]
  )
  t.same(readText(text).mistakes, [], 'another app may have none of them')
})

t.test('a composed answer is a GET for one path, with parts that the file can have', t => {
  const upstreams = 'upstreams:\n  orders: { origin: https://orders.internal }\nroutes:\n'
  const composed = (members: string) => `${upstreams}  - { upstream: orders, forward: none, ${members} }\n`
  const right = 'path: /details/:id, methods: [GET], access: public, compose: { order: { path: /orders/:id } }'
  t.same(mistakesIn(composed(right)), [])
  const order = 'compose: { order: { path: /orders/:id } }'
  for (const [members, expected] of [
    [
      'path: /a/:id, access: public, compose: { order: { path: /orders/:id } }',
      'a composed answer is read: methods must be [GET]'
    ],
    [
      `path: /a/:id, methods: [GET, POST], access: public, ${order}`,
      'a composed answer is read: methods must be [GET]'
    ],
    [`path: /a/:id/*, methods: [GET], access: public, ${order}`, 'a composed answer is for one path, without *'],
    [
      `path: /a/:id, methods: [GET], access: public, stream: true, ${order}`,
      'a composed answer is whole before it leaves'
    ],
    [`path: /a/:id, methods: [GET], access: public, webSocket: {}, ${order}`, 'a composed answer is no WebSocket'],
    ['path: /a/:id, methods: [GET], access: public, compose: {}', 'compose must not be empty'],
    [`path: /a/:other, methods: [GET], access: public, ${order}`, 'the path of the route has no :id'],
    [
      'path: /a/:id, methods: [GET], access: public, compose: { missing: { path: /x } }',
      'missing is where the answer says what it lacks'
    ],
    [
      'path: /a, methods: [GET], access: public, compose: { one: { path: /x, upstream: order } }',
      'there is no upstream "order" (did you mean orders?)'
    ],
    [
      'path: /a, methods: [GET], access: public, compose: { one: { path: /x, forward: token } }',
      'a public route forwards no credential: forward must be none'
    ],
    [
      'path: /a, methods: [GET], access: public, compose: { one: { path: /x/* } }',
      'path must be a path such as /orders/:orderId'
    ]
  ] as const) {
    const found = mistakesIn(composed(members)).map(text => text.replace(/^\d+:\d+ /, ''))
    t.same(found, [expected], members)
  }
  t.same(
    mistakesIn(composed(`path: /a, methods: [GET], access: public, rewrite: /b, compose: { one: { path: /x } }`))
      .length,
    1,
    'rewrite is for one upstream'
  )
  t.end()
})
