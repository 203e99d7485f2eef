import t from 'tap'
import { request } from 'undici'
import { makeAuthority } from '../support/certificates.ts'
import { failures, GOOD, oneRoute, ORDER_SERVICE, rawRequest, sendRaw, startEdge, statuses } from '../support/edge.ts'

t.test('each prefix reaches its service, with a token for that service', async t => {
  const { url, orders, deliveries, exchanges } = await startEdge(t)
  for (const path of ['/orders', '/orders/', '/orders/1?a=b&a=%2F', '/restaurants/1/menu', '/tickets', '/deliveries']) {
    t.equal((await request(url + path, { headers: GOOD })).statusCode, 200)
  }
  t.same(
    orders.received.map(({ url }) => url),
    ['/orders', '/orders/', '/orders/1?a=b&a=%2F', '/restaurants/1/menu', '/tickets']
  )
  t.same(
    orders.received.map(({ headers }) => headers.authorization),
    [...Array(3).fill('Bearer token-for-order-service'), ...Array(2).fill('Bearer token-for-restaurant-service')]
  )
  t.equal(deliveries.received[0]!.headers.authorization, 'Bearer token-for-delivery-service')
  t.same(exchanges, ['caller → order-service', 'caller → restaurant-service', 'caller → delivery-service'])
})

t.test('an audit trail is reached under the name of its process', async t => {
  const { url, deliveries, orders } = await startEdge(t)
  await request(`${url}/audit/delivery-service?limit=5`, { headers: GOOD })
  t.equal(deliveries.received[0]!.url, '/audit?limit=5')
  for (const name of ['auth-server', 'configuration-server']) {
    for (const path of ['/', '/live?after=7']) {
      await request(`${url}/audit/${name}${path}`, { headers: GOOD })
      const { url: asked, headers } = orders.received.at(-1)!
      t.match({ asked, headers }, { asked: `/audit${path}`, headers: { authorization: `Bearer token-for-${name}` } })
    }
  }
  t.equal((await request(`${url}/audit`, { headers: GOOD })).statusCode, 404)
  t.equal((await request(`${url}/audit/order-servicex`, { headers: GOOD })).statusCode, 404)
})

t.test('every method and body passes as it came', async t => {
  const { url, orders } = await startEdge(t)
  for (const [type, body] of [
    ['application/json', '{"a":1,"a":2} '],
    ['text/plain', 'a\r\nb'],
    ['application/x-www-form-urlencoded', 'a=%20'],
    ['application/json; charset=utf-8', '{}'],
    ['text/plain;a="application/json"', '{}']
  ] as const) {
    t.equal(
      (await request(`${url}/orders`, { method: 'POST', headers: { ...GOOD, 'content-type': type }, body })).statusCode,
      200
    )
    const received = orders.received.at(-1)!
    t.equal(received.body, body)
    t.equal(received.headers['content-type'], type)
  }
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'] as const) {
    t.equal((await request(`${url}/orders`, { method, headers: GOOD })).statusCode, 200)
    t.equal(orders.received.at(-1)!.method, method)
  }
})

t.test("a service's answer passes as it came, errors included", async t => {
  const { url, orders } = await startEdge(t)
  orders.answer = (_request, reply) =>
    reply
      .code(404)
      .headers({ etag: '"1"', 'content-type': 'application/problem+json', location: `${orders.origin}/orders/1` })
      .send('{"status":404}')
  const { statusCode, headers, body } = await request(`${url}/orders/1`, { headers: GOOD })
  t.equal(statusCode, 404)
  t.match(headers, { etag: '"1"', 'content-type': 'application/problem+json', location: '/orders/1' })
  t.equal(await body.text(), '{"status":404}')
})

t.test('a caller who is not authenticated reaches no service and causes no exchange', async t => {
  const { url, orders, exchanges } = await startEdge(t)
  t.equal((await request(`${url}/orders`)).statusCode, 401)
  t.equal((await request(`${url}/orders`, { headers: { authorization: 'Bearer bad' } })).statusCode, 401)
  t.equal(orders.received.length + exchanges.length, 0)
})

t.test('G-10: a service that answers 503 is asked once, and its answer passes', async t => {
  const { url, orders } = await startEdge(t)
  orders.answer = (_request, reply) => reply.code(503).header('retry-after', '1').send({ code: 'BUSY' })
  const { statusCode, headers, body } = await request(`${url}/orders`, { headers: GOOD })
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '1')
  t.same(await body.json(), { code: 'BUSY' })
  t.equal(orders.received.length, 1)
})

t.test('G-10: a service that does not answer in time is a 504, asked once', async t => {
  const { url, orders, events } = await startEdge(t, { settings: { upstreamTimeoutMs: 1500 } })
  orders.answer = () => new Promise(() => {})
  const { statusCode, headers, body } = await request(`${url}/orders`, { headers: GOOD })
  t.equal(statusCode, 504)
  t.same(await body.json(), {
    type: 'about:blank',
    title: 'The service did not answer in time',
    status: 504,
    code: 'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT',
    requestId: headers['x-request-id']
  })
  t.equal(orders.received.length, 1)
  t.same(failures(events), ['forward failure upstream-timeout'])
})

t.test('G-10: a service that cuts the connection is a 502, asked once, whatever the method', async t => {
  for (const method of ['GET', 'POST'] as const) {
    const { url, orders, events } = await startEdge(t)
    orders.answer = (_request, reply) => {
      reply.hijack()
      reply.raw.destroy()
    }
    const { statusCode, headers, body } = await request(`${url}/orders`, { method, headers: GOOD })
    t.equal(statusCode, 502)
    t.same(await body.json(), {
      type: 'about:blank',
      title: 'The service is not available',
      status: 502,
      code: 'SALLYPORT_FORWARDING_UPSTREAM_FAILED',
      requestId: headers['x-request-id']
    })
    t.equal(orders.received.length, 1)
    t.same(failures(events), ['forward failure upstream-failed'])
  }
})

t.test('G-10: a service that is not there is a 502', async t => {
  const { url } = await startEdge(t, { orderService: { origin: `https://${ORDER_SERVICE}:1` } })
  t.equal((await request(`${url}/orders`, { headers: GOOD })).statusCode, 502)
})

t.test('T-02: a service that cannot prove its name gets no request and no token', async t => {
  const ours = await makeAuthority()
  const theirs = await makeAuthority()
  const yesterday = new Date(Date.now() - 86_400_000)
  const certificates = {
    'of another authority': await theirs.issue({ names: [ORDER_SERVICE] }),
    'for another name': await theirs.issue({ names: ['delivery-service.sallyport.internal'] }),
    expired: await ours.issue({
      names: [ORDER_SERVICE],
      notBefore: new Date(yesterday.getTime() - 1000),
      notAfter: yesterday
    })
  }
  for (const [title, certificate] of Object.entries(certificates)) {
    const { url, orders, events } = await startEdge(t, { orderService: { certificate } })
    const { statusCode, body } = await request(`${url}/orders`, { headers: GOOD })
    t.equal(statusCode, 502, title)
    t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_FAILED' })
    t.equal(orders.received.length, 0, title)
    t.same(failures(events), ['forward failure upstream-not-trusted'], title)
  }
})

t.test(
  'a 401 of a service is no 401 of the gateway: the token is forgotten and the client told to try again',
  async t => {
    const { url, orders, exchanges, events } = await startEdge(t)
    orders.answer = (_request, reply) =>
      reply.code(401).header('www-authenticate', 'Bearer realm="order-service"').send({ secret: true })
    const { statusCode, headers, body } = await request(`${url}/orders`, { headers: GOOD })
    t.equal(statusCode, 503)
    t.equal(headers['retry-after'], '1')
    t.notOk(headers['www-authenticate'])
    t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_UPSTREAM_REFUSED_TOKEN' })
    t.same(failures(events), ['forward failure upstream-refused-token'])
    orders.answer = () => 'ok'
    t.equal((await request(`${url}/orders`, { headers: GOOD })).statusCode, 200)
    t.equal(exchanges.length, 2)
  }
)

t.test('an authorization server that is down is a 503 with Retry-After and never a 401', async t => {
  const { url, orders } = await startEdge(t, {
    tokenClient: {
      exchange: async () => {
        throw Object.assign(new Error('The authorization server is not available'), {
          code: 'SALLYPORT_TOKEN_UNAVAILABLE',
          statusCode: 503,
          headers: { 'retry-after': '5' }
        })
      }
    }
  })
  const { statusCode, headers, body } = await request(`${url}/orders`, { headers: GOOD })
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '5')
  t.match(await body.json(), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' })
  t.equal(orders.received.length, 0)
})

t.test('G-07: a declared body over the limit is a 413 before a byte of it is read', async t => {
  const { url, orders, events } = await startEdge(t, { settings: { maxBodyBytes: 1000 } })
  const { statusCode, body } = await request(`${url}/orders`, {
    method: 'POST',
    headers: { ...GOOD, 'content-type': 'application/json' },
    body: 'x'.repeat(1001)
  })
  t.equal(statusCode, 413)
  t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_BODY_TOO_LARGE' })
  t.equal(orders.received.length, 0)
  t.same(failures(events), ['forward denied body-too-large'])
  t.equal(
    (
      await request(`${url}/orders`, {
        method: 'POST',
        headers: { ...GOOD, 'content-type': 'application/json' },
        body: 'x'.repeat(1000)
      })
    ).statusCode,
    200
  )
  t.equal(orders.received[0]!.body.length, 1000)
})

t.test('G-07: a chunked body is counted as it streams, and cut at the limit', async t => {
  const { port, orders, events } = await startEdge(t, { settings: { maxBodyBytes: 100_000 }, table: oneRoute() })
  const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`
  const small = await sendRaw(
    port,
    rawRequest(
      'POST /orders HTTP/1.1',
      ['Transfer-Encoding: chunked', 'Content-Type: text/plain'],
      `${chunk.repeat(10)}0\r\n\r\n`
    )
  )
  t.same(statuses(small), [200])
  t.equal(orders.received[0]!.body.length, 100_000)
  const large = await sendRaw(
    port,
    rawRequest(
      'POST /orders HTTP/1.1',
      ['Transfer-Encoding: chunked', 'Content-Type: text/plain'],
      `${chunk.repeat(11)}0\r\n\r\n`
    )
  )
  t.same(statuses(large), [413])
  t.match(large, /SALLYPORT_FORWARDING_BODY_TOO_LARGE/)
  t.equal(orders.received.length, 1, 'the service never got a complete request')
  t.same(failures(events).at(-1), 'forward denied body-too-large')
})

t.test('a body that stops is not completed towards the service', async t => {
  const { port, orders } = await startEdge(t)
  await sendRaw(
    port,
    rawRequest('POST /orders HTTP/1.1', ['Content-Length: 100', 'Content-Type: text/plain'], 'abc'),
    true
  )
  t.equal(orders.received.length, 0)
})
