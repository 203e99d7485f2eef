import t from 'tap'
import { request } from 'undici'
import { canonicalHosts, unclearHosts } from '@sallyport/service-process'
import { failures, GOOD, rawRequest, sendRaw, startEdge, statuses } from '../support/edge.ts'

t.test(
  'a request for another host is 421 before anything is decided, and services learn the host as this deployment spells it',
  async t => {
    const { port, orders, exchanges, events } = await startEdge(t, {
      settings: { allowedHosts: ['Shop.Example', 'api.example:8443'] }
    })
    const ask = async (host: string): Promise<number[]> =>
      statuses(await sendRaw(port, rawRequest('GET /orders HTTP/1.1').replace('gateway.example', host)))
    const strangers = [
      'evil.example',
      'shop.example.evil.example',
      'shop.example:1',
      'api.example',
      'api.example:443',
      'shop.example.',
      'user@shop.example',
      'shop.example/x',
      '127.0.0.1',
      ''
    ]
    for (const host of strangers) t.same(await ask(host), [421], host)
    t.equal(orders.received.length + exchanges.length, 0)
    t.same(new Set(failures(events)), new Set(['hygiene denied host-refused']))
    for (const host of ['SHOP.example', 'shop.example:80', `shop.example:${port}`, 'api.EXAMPLE:8443']) {
      t.same(await ask(host), [200], host)
    }
    t.same(
      orders.received.map(({ headers }) => headers['x-forwarded-host']),
      ['shop.example', 'shop.example', `shop.example:${port}`, 'api.example:8443']
    )
  }
)

t.test("without a list of hosts a loopback name with any port is the gateway, and its listener's address", async t => {
  const canonical = canonicalHosts([], '192.0.2.7')
  for (const [named, expected] of [
    ['localhost', 'localhost'],
    ['LOCALHOST:8080', 'localhost:8080'],
    ['127.0.0.1:1', '127.0.0.1:1'],
    ['[::1]:80', '[::1]'],
    ['192.0.2.7:8080', '192.0.2.7:8080'],
    ['192.0.2.7:1', null],
    ['127.0.0.2', null],
    ['gateway.example', null]
  ] as const) {
    t.equal(canonical(named, 'http', 8080), expected, named)
  }
  t.equal(canonical(undefined, 'http', 8080), 'localhost', 'HTTP/1.0 without a Host')
  t.equal(
    canonicalHosts(['shop.example'], '::')('shop.example:443', 'https', 8443),
    'shop.example',
    'the default port is none'
  )
  t.same(unclearHosts(['shop.example', 'shop.example:443', '[::1]:1', 'https://a', 'a/b', '*.example', 'a b', '']), [
    'https://a',
    'a/b',
    '*.example',
    'a b',
    ''
  ])
})

t.test('the host that a trusted proxy names is checked too', async t => {
  const { url, orders } = await startEdge(t, {
    settings: { allowedHosts: ['shop.example'], trustedProxies: ['127.0.0.1'] }
  })
  t.equal(
    (await request(`${url}/orders`, { headers: { ...GOOD, 'x-forwarded-host': 'evil.example' } })).statusCode,
    421
  )
  t.equal(
    (await request(`${url}/orders`, { headers: { ...GOOD, 'x-forwarded-host': 'shop.example' } })).statusCode,
    200
  )
  t.equal(orders.received[0]?.headers['x-forwarded-host'], 'shop.example')
})

t.test('a version other than HTTP/1.0 and 1.1 on a request line is 505, and the connection ends', async t => {
  const { port, orders, exchanges, events } = await startEdge(t)
  for (const version of ['2.0', '0.9', '1.2', '3.0', '9.9']) {
    const received = await sendRaw(
      port,
      `${rawRequest(`GET /orders HTTP/${version}`).replace('Connection: close\r\n', '')}${rawRequest('GET /orders HTTP/1.1')}`
    )
    t.equal(statuses(received).length, 1, version)
    t.ok([400, 505].includes(statuses(received)[0] ?? 0), `${version}: ${statuses(received).join()}`)
  }
  const received = await sendRaw(port, rawRequest('GET /orders HTTP/2.0'))
  t.same(statuses(received), [505])
  t.match(received, /SALLYPORT_GATEWAY_VERSION_REFUSED/)
  t.equal(orders.received.length + exchanges.length, 0)
  t.ok(failures(events).includes('hygiene denied version-refused'))
})

t.test('HTTP/1.0 is served, as proxies speak it, but not with a transfer coding', async t => {
  const { port, orders } = await startEdge(t)
  t.same(
    statuses(await sendRaw(port, rawRequest('GET /orders HTTP/1.0').replace('Host: gateway.example\r\n', ''))),
    [200]
  )
  t.equal(orders.received[0]?.headers['x-forwarded-host'], 'gateway.example', 'the first of the hosts')
  const received = await sendRaw(
    port,
    rawRequest(
      'POST /orders HTTP/1.0',
      ['Content-Type: text/plain', 'Transfer-Encoding: chunked'],
      '0\r\n\r\nGET /orders HTTP/1.1\r\nHost: gateway.example\r\n\r\n'
    )
  )
  t.same(statuses(received), [400])
  t.equal(orders.received.length, 1)
})

t.test(
  "answers that say nothing about caches are not to be stored: forwarded ones, the gateway's own, and refusals",
  async t => {
    const { url, orders } = await startEdge(t)
    const cacheControl = async (path: string, headers: Record<string, string> = GOOD, method: 'GET' | 'POST' = 'GET') =>
      (await request(url + path, { method, headers })).headers['cache-control']
    t.equal(await cacheControl('/orders'), 'no-store')
    for (const path of ['/session', '/audit/reference-gateway', '/unknown']) {
      t.equal(await cacheControl(path), 'no-store', path)
    }
    for (const path of ['/login', '/logout', '/session/refresh']) {
      t.equal(await cacheControl(path, GOOD, 'POST'), 'no-store', path)
    }
    t.equal(await cacheControl('/orders', {}), 'no-store', 'a refusal')
    orders.answer = (_request, reply) => reply.header('cache-control', 'private, max-age=60').send('ok')
    t.equal(await cacheControl('/orders'), 'private, max-age=60', 'a service may say otherwise')
  }
)
