import { buildApp } from '@sallyport/reference-gateway'
import { createPeerAgent } from '@sallyport/secure-transport'
import t from 'tap'
import { GOOD, keys, orderRoute, SETTINGS, startService, ORDER_SERVICE } from '../support/edge.ts'
import { makeAuthority } from '../support/certificates.ts'

t.test('a gateway without secret, sealing keys and database accepts tokens and has nothing else', async t => {
  const { clientSecret: _secret, sealingKeys: _keys, databaseUrl: _url, ...settings } = SETTINGS
  const authority = await makeAuthority()
  const orders = await startService(t, await authority.issue({ names: [ORDER_SERVICE] }))
  const upstreamAgent = createPeerAgent({ ca: authority.certificate, addresses: { [ORDER_SERVICE]: '127.0.0.1' } })
  t.after(() => upstreamAgent.destroy())
  const table = {
    upstreams: { orders: { origin: orders.origin } },
    routes: [orderRoute({ forward: 'token' })]
  }
  const app = await buildApp(settings, { keys, upstreamAgent, table })
  t.after(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const statusOf = async (url: string, headers: Record<string, string> = {}, method: 'GET' | 'POST' = 'GET') =>
    (await app.inject({ method, url, headers: { host: 'gateway.example', ...headers } })).statusCode

  t.equal(await statusOf('/login', {}, 'POST'), 404)
  for (const path of ['/session', '/sessions', '/audit/reference-gateway']) t.equal(await statusOf(path, GOOD), 404)
  const basic = { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }
  t.equal(await statusOf('/orders', basic), 401)
  t.equal(await statusOf('/orders', { authorization: 'Bearer opaque-token' }), 401)
  t.equal(await statusOf('/orders'), 401)
  t.equal(await statusOf('/orders', GOOD), 200)
  t.equal(orders.received.at(-1)?.headers.authorization, GOOD.authorization)
  t.equal((await app.operations.inject('/health/ready')).statusCode, 200)
})
