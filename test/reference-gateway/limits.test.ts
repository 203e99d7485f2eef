import t from 'tap'
import { failures, rawRequest, sendRaw, startEdge, statuses } from '../support/edge.ts'

t.test('G-08: methods that the gateway does not serve are refused before anything is decided', async t => {
  const { port, orders, exchanges, events } = await startEdge(t)
  for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'LINK', 'QUERY', 'MKCOL']) {
    const received = await sendRaw(port, rawRequest(`${method} /orders HTTP/1.1`))
    t.same(statuses(received), [405], method)
    t.match(received, /allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS/)
    t.match(received, /SALLYPORT_GATEWAY_METHOD_REFUSED/)
  }
  t.same(new Set(failures(events)), new Set(['hygiene denied method-refused']))
  t.same(statuses(await sendRaw(port, rawRequest('FOO /orders HTTP/1.1'))), [400], 'not a method')
  t.same(statuses(await sendRaw(port, rawRequest('get /orders HTTP/1.1'))), [400], 'methods are case-sensitive')
  t.notOk(
    statuses(await sendRaw(port, rawRequest('CONNECT orders:443 HTTP/1.1'))).some(status => status < 400),
    'no tunnel'
  )
  t.equal(orders.received.length + exchanges.length, 0)
})

t.test('G-08: an upgrade to another protocol is refused', async t => {
  const { port, orders, events } = await startEdge(t)
  const upgrades = [
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'],
    ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13'],
    ['Upgrade: TLS/1.2']
  ]
  for (const headers of upgrades) {
    const received = await sendRaw(port, rawRequest('GET /orders HTTP/1.1', headers))
    t.same(statuses(received), [400], headers.join('; '))
    t.match(received, /SALLYPORT_GATEWAY_UPGRADE_REFUSED/)
  }
  t.equal(orders.received.length, 0)
  t.same(new Set(failures(events)), new Set(['hygiene denied upgrade-refused']))
  t.notOk(
    statuses(await sendRaw(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).some(status => status < 400),
    'no HTTP/2 by prior knowledge'
  )
})

t.test('G-07: a URL past 8 KiB, headers past 16 KiB and more than 100 headers are refused', async t => {
  const { port, orders } = await startEdge(t)
  t.same(statuses(await sendRaw(port, rawRequest(`GET /orders?${'a'.repeat(8192 - 8)} HTTP/1.1`))), [200])
  const long = await sendRaw(port, rawRequest(`GET /orders?${'a'.repeat(8192 - 7)} HTTP/1.1`))
  t.same(statuses(long), [414])
  t.match(long, /SALLYPORT_GATEWAY_URL_TOO_LONG/)
  t.same(statuses(await sendRaw(port, rawRequest('GET /orders HTTP/1.1', [`X: ${'a'.repeat(16_384)}`]))), [431])
  t.same(
    statuses(
      await sendRaw(
        port,
        rawRequest(
          'GET /orders HTTP/1.1',
          Array.from({ length: 97 }, (_, at) => `X-${at}: 1`)
        )
      )
    ),
    [200]
  )
  t.same(
    statuses(
      await sendRaw(
        port,
        rawRequest(
          'GET /orders HTTP/1.1',
          Array.from({ length: 98 }, (_, at) => `X-${at}: 1`)
        )
      )
    ),
    [431]
  )
  t.equal(orders.received.length, 2)
})

t.test('G-05: a second Authorization, Host or Content-Type is refused', async t => {
  const { port, orders, events } = await startEdge(t)
  for (const header of [
    'Authorization: Bearer bad',
    'Host: evil.example',
    'Content-Type: a/b\r\nContent-Type: c/d',
    'Cookie: a=b\r\nCookie: c=d'
  ]) {
    t.same(statuses(await sendRaw(port, rawRequest('GET /orders HTTP/1.1', [header]))), [400], header)
  }
  t.equal(orders.received.length, 0)
  t.ok(failures(events).every(event => event === 'hygiene denied duplicate-header'))
})
