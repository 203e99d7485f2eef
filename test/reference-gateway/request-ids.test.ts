// What a caller can quote of a request, and what it belongs to.
import t from 'tap'
import { request } from 'undici'
import { accessToken, GOOD, rawRequest, sendRaw, startEdge } from '../support/edge.ts'

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const OWN = '11111111-2222-4333-8444-555555555555'

t.test('every answer has the id that the edge gave its request, and a problem document repeats it', async t => {
  const { url, orders } = await startEdge(t)
  orders.answer = (request, reply) => {
    void reply.header('x-request-id', OWN)
    return request.url.endsWith('/moved') ? reply.redirect('/orders/1', 303) : { ok: true }
  }
  const asked: ReadonlyArray<readonly [string, number, Record<string, string>]> = [
    ['/nowhere', 404, GOOD],
    ['/orders', 401, {}],
    ['/orders', 200, GOOD],
    ['/orders/moved', 303, GOOD],
    ['/orders//1', 400, GOOD],
    ['/orders/%zz', 400, GOOD],
    ['/audit/reference-gateway', 403, GOOD]
  ]
  const seen = new Set<unknown>()
  for (const [path, status, headers] of asked) {
    const answer = await request(url + path, { headers: { ...headers, 'x-request-id': OWN } })
    const id = answer.headers['x-request-id']
    t.equal(answer.statusCode, status, path)
    t.match(id, ID, path)
    t.not(id, OWN, `${path}: neither the caller's nor the service's`)
    const text = await answer.body.text()
    if (status >= 400) t.equal(JSON.parse(text).requestId, id, path)
    seen.add(id)
  }
  t.equal(seen.size, asked.length, 'each has one of its own')
  t.ok(
    orders.received.every(({ headers }) => seen.has(headers['x-request-id'])),
    'and the service gets it'
  )
})

t.test('what the parser refuses has an id too', async t => {
  const { port } = await startEdge(t)
  for (const [what, status, raw] of [
    ['no request', 400, 'nonsense\r\n\r\n'],
    ['a header without end', 431, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`]
  ] as const) {
    const answer = await sendRaw(port, raw)
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `), what)
    t.match(answer, /content-type: application\/problem\+json/i, what)
    const id = /^x-request-id: (.+)\r$/im.exec(answer)?.[1]
    t.match(id, ID, what)
    t.equal(JSON.parse(answer.slice(answer.indexOf('{'))).requestId, id, what)
  }
  t.match(await sendRaw(port, rawRequest('GET /nowhere HTTP/1.1')), /x-request-id: [0-9a-f-]{36}/i)
})

t.test('what a caller names its request is recorded, bounded and cleaned, and never adopted', async t => {
  const { url, app, db } = await startEdge(t)
  for (const [given, recorded] of [
    ['support/4711', 'support/4711'],
    ['a "b"\tc<script>', 'a??b??c?script?'],
    ['x'.repeat(5000), 'x'.repeat(64)]
  ] as const) {
    const answer = await request(`${url}/audit/reference-gateway`, { headers: { ...GOOD, 'x-request-id': given } })
    await answer.body.dump()
    t.equal(answer.statusCode, 403)
    await app.sealAudit()
    const row = await db('audit_events').where({ request_id: answer.headers['x-request-id'] }).first()
    t.equal(row?.detail.clientRequestId, recorded)
  }
})

t.test('each request is a transaction of its own, also under one credential, and a caller cannot state it', async t => {
  const { url, orders, exchanges } = await startEdge(t, {
    tokenClient: {
      password: async () => ({
        accessToken: await accessToken({ txn: 'of-the-token' }),
        refreshToken: 'r',
        expiresInSeconds: 300,
        scope: null
      })
    }
  })
  const authorization = `Basic ${Buffer.from('customer1:password').toString('base64')}`
  for (let i = 0; i < 3; i++) {
    const answer = await request(`${url}/orders`, {
      headers: { authorization, 'sallyport-txn': OWN, 'txn-token': 'x' }
    })
    await answer.body.dump()
    t.equal(answer.statusCode, 200)
  }
  const stated = orders.received.map(({ headers }) => headers['sallyport-txn'])
  t.equal(new Set(stated).size, 3)
  t.ok(stated.every(txn => typeof txn === 'string' && ID.test(txn) && txn !== OWN))
  t.ok(orders.received.every(({ headers }) => headers['txn-token'] === undefined))
  t.equal(exchanges.length, 1, 'and one exchanged token serves all three')
})
