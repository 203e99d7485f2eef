import t from 'tap'
import { GOOD, failures, orderRoute, orderTable, startEdge } from '../support/edge.ts'

const SHOP = 'https://shop.example'
const HOST = { host: 'gateway.example' }

t.test('the edge answers preflights before it asks for a caller, and lets the page read refusals', async t => {
  const cors = { origins: [SHOP], methods: ['GET'], credentials: true } as const
  const { app, orders, events } = await startEdge(t, { table: orderTable(orderRoute({ cors })) })
  const asks = { ...HOST, origin: SHOP, 'access-control-request-method': 'GET' }
  const preflight = await app.inject({ method: 'OPTIONS', url: '/orders/1', headers: asks })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers, {
    'access-control-allow-origin': SHOP,
    'access-control-allow-methods': 'GET',
    'cache-control': 'no-store'
  })
  const foreign = { ...asks, origin: 'https://evil.example' }
  const refused = await app.inject({ method: 'OPTIONS', url: '/orders/1', headers: foreign })
  t.equal(refused.statusCode, 403)
  t.notOk(refused.headers['access-control-allow-origin'])
  t.same(failures(events), ['forward denied origin-not-allowed'])

  const unknown = await app.inject({ url: '/orders/1', headers: { ...HOST, origin: SHOP } })
  t.equal(unknown.statusCode, 401)
  t.match(unknown.headers, { 'access-control-allow-origin': SHOP, vary: /Origin/ })
  const known = await app.inject({ url: '/orders/1', headers: { ...HOST, ...GOOD, origin: SHOP } })
  t.equal(known.statusCode, 200)
  t.match(known.headers, { 'access-control-allow-origin': SHOP, 'access-control-allow-credentials': 'true' })
  t.equal(orders.received.length, 1)
  const elsewhere = { ...asks, host: 'other.example' }
  t.equal((await app.inject({ method: 'OPTIONS', url: '/orders/1', headers: elsewhere })).statusCode, 421)
})

t.test('a route of the table accepts the strategies that it names, and its refusals offer no other', async t => {
  const { app, orders } = await startEdge(t, {
    table: orderTable(
      orderRoute({ strategies: ['session'] }),
      orderRoute({ path: '/tickets/*', strategies: ['basic', 'bearer'] })
    )
  })
  const refused = await app.inject({ url: '/orders/1', headers: { ...HOST, ...GOOD } })
  t.equal(refused.statusCode, 401, 'a good token of another strategy is none')
  t.equal(refused.headers['www-authenticate'], undefined)
  t.equal((await app.inject({ url: '/tickets/1', headers: { ...HOST, ...GOOD } })).statusCode, 200)
  const challenge = (await app.inject({ url: '/tickets/1', headers: HOST })).headers['www-authenticate']
  t.match(challenge, /^Basic [^,]+, charset="UTF-8", Bearer /)
  t.equal(orders.received.length, 1)
})

t.test('a strategy or a policy that the gateway does not have fails the boot', async t => {
  await t.rejects(startEdge(t, { table: orderTable(orderRoute({ strategies: ['bagde'] })) }), {
    code: 'SALLYPORT_FORWARDING_OPTIONS_INVALID',
    message: /routes\.0: strategies: "bagde" is none of bearer, introspection|routes\.0: strategies: "bagde" is none of/
  })
  const access = { kind: 'owner', attribute: 'customer' } as const
  await t.rejects(startEdge(t, { table: orderTable(orderRoute({ access })) }), {
    message: /routes\.0: the policy decides over a resource/
  })
})
