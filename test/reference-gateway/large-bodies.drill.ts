import t from 'tap'
import { request } from 'undici'
import {
  failures,
  GOOD,
  oneRoute,
  orderRoute,
  orderTable,
  rawRequest,
  sendRaw,
  startEdge,
  statuses
} from '../support/edge.ts'

const MEBIBYTE = 1024 * 1024
const TYPE = { 'content-type': 'text/plain' }

t.test(
  'a service that takes 64 KiB refuses 1 MiB with its own 413 at each of 50 tries, on connections that stay and that close',
  async t => {
    const { url, port, orders, events } = await startEdge(t, {
      table: oneRoute(),
      settings: { maxBodyBytes: 2 * MEBIBYTE },
      orderService: { bodyLimit: 64 * 1024 }
    })
    const seen = new Map<string, number>()
    const count = (what: string): void => {
      seen.set(what, (seen.get(what) ?? 0) + 1)
    }
    const raw = rawRequest(
      'PUT /orders HTTP/1.1',
      ['Content-Type: text/plain', `Content-Length: ${MEBIBYTE}`],
      'x'.repeat(MEBIBYTE)
    )
    for (let round = 0; round < 50; round++) {
      const { statusCode, body } = await request(`${url}/orders`, {
        method: 'PUT',
        headers: { ...GOOD, ...TYPE },
        body: Buffer.alloc(MEBIBYTE)
      })
      count(`${statusCode} ${/FST_ERR_CTP_BODY_TOO_LARGE/.exec(await body.text())?.[0]}`)
      const received = await sendRaw(port, raw)
      count(`${statuses(received).join()} ${/FST_ERR_CTP_BODY_TOO_LARGE/.exec(received)?.[0]}`)
    }
    t.same([...seen], [['413 FST_ERR_CTP_BODY_TOO_LARGE', 100]])
    t.equal(orders.received.length, 0)
    t.same(failures(events), [])
    t.equal(
      (await request(`${url}/orders`, { method: 'PUT', headers: { ...GOOD, ...TYPE }, body: Buffer.alloc(1024) }))
        .statusCode,
      200
    )
  }
)

t.test(
  'the largest body of a service is data of its route: a larger one is refused at the edge and does not reach the service',
  async t => {
    const { port, orders, exchanges, events } = await startEdge(t, {
      table: orderTable(orderRoute({ maxBodyBytes: 1000 }), orderRoute({ path: '/files/*', maxBodyBytes: 2000 }))
    })
    const put = async (path: string, bytes: number, framing: string): Promise<string> =>
      await sendRaw(
        port,
        rawRequest(
          `PUT ${path} HTTP/1.1`,
          ['Content-Type: text/plain', framing],
          framing.includes('chunked') ? `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n` : 'x'.repeat(bytes)
        )
      )
    for (const bytes of [1001, MEBIBYTE]) {
      for (const framing of [`Content-Length: ${bytes}`, 'Transfer-Encoding: chunked']) {
        const received = await put('/orders', bytes, framing)
        t.same(statuses(received), [413], `${bytes} ${framing}`)
        t.match(received, /SALLYPORT_FORWARDING_BODY_TOO_LARGE/)
      }
    }
    t.equal(orders.received.length, 0)
    t.equal(exchanges.length, 1, 'a declared length is refused before the token is exchanged')
    t.same(new Set(failures(events)), new Set(['forward denied body-too-large']))
    t.same(statuses(await put('/orders', 1000, 'Content-Length: 1000')), [200])
    t.same(statuses(await put('/files', 2000, 'Content-Length: 2000')), [200])
  }
)

t.test('services of the reference deployment get no body that they would refuse', async t => {
  const { url, orders } = await startEdge(t, { settings: { maxBodyBytes: MEBIBYTE } })
  for (const [bytes, status] of [
    [64 * 1024, 200],
    [64 * 1024 + 1, 413]
  ] as const) {
    for (const path of ['/orders', '/restaurants/1/menu', '/tickets', '/deliveries', '/audit/auth-server']) {
      t.equal(
        (await request(url + path, { method: 'PUT', headers: { ...GOOD, ...TYPE }, body: Buffer.alloc(bytes) }))
          .statusCode,
        status,
        `${path} ${bytes}`
      )
    }
  }
  t.equal(orders.received.length, 4)
})
