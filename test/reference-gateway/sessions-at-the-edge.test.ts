import t from 'tap'
import { request } from 'undici'
import { accessToken, failures, oneRoute, startEdge } from '../support/edge.ts'

const JSON_BODY = { 'content-type': 'application/json' } as const
const CREDENTIALS = { username: 'customer1', password: 'pass' } as const

t.test('a subject token that the issuer refuses is renewed once, and the answer has new cookies', async t => {
  const [old, renewed] = [await accessToken({ roles: ['CUSTOMER'] }), await accessToken({ roles: ['ADMIN'] })]
  const asked = { refresh: 0, exchange: 0 }
  const tokens = (accessToken: string) => ({
    accessToken,
    refreshToken: `refresh for ${accessToken}`,
    expiresInSeconds: 300,
    scope: null
  })
  const { url, orders, events } = await startEdge(t, {
    tokenClient: {
      password: async () => tokens(old),
      refresh: async () => {
        asked.refresh++
        return tokens(renewed)
      },
      exchange: async ({ subjectToken, audience }) => {
        asked.exchange++
        if (subjectToken === old) throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED' })
        return { ...tokens(`token-for-${audience}`), refreshToken: null }
      }
    }
  })
  orders.answer = (_request, reply) => reply.header('set-cookie', 'service=1').send({ ok: true })
  const login = await request(`${url}/login`, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(CREDENTIALS) })
  const cookie = [login.headers['set-cookie']]
    .flat()
    .map(value => value?.split(';')[0])
    .join('; ')
  const own = { ...JSON_BODY, cookie, 'x-sallyport-csrf': '1' }
  const order = { method: 'POST', headers: own, body: '{"a":1}' } as const
  const { statusCode, headers, body } = await request(`${url}/orders`, order)
  t.equal(statusCode, 200)
  t.same(await body.json(), { ok: true })
  t.same(
    [headers['set-cookie']].flat().map(value => value?.split('=')[0]),
    ['sallyport-access', 'sallyport-refresh']
  )
  t.equal(headers['cache-control'], 'no-store')
  const received = orders.received.map(({ body, headers }) => [body, headers.authorization])
  t.same(received, [['{"a":1}', 'Bearer token-for-order-service']], 'forwarded once, with its body')
  t.same(asked, { refresh: 1, exchange: 2 })
  t.same(failures(events), [])
})

t.test("S-05: a foreign page's request by a remembered password stops at the edge; curl -u passes", async t => {
  const token = await accessToken()
  const password = async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
  const { url, orders, events } = await startEdge(t, { tokenClient: { password } })
  const authorization = `Basic ${Buffer.from('customer1:pass').toString('base64')}`
  const foreign = { authorization, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  t.equal((await request(`${url}/orders/1/cancel`, { method: 'POST', headers: foreign })).statusCode, 403)
  t.equal(orders.received.length, 0)
  t.same(failures(events), ['authentication denied csrf-refused'])
  t.equal((await request(`${url}/orders/1/cancel`, { method: 'POST', headers: { authorization } })).statusCode, 200)
})

t.test('S-05: cors.credentials lets pages of the same site read, and changes nothing about who may write', async t => {
  const token = await accessToken()
  const password = async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
  const sibling = 'https://admin.shop.example'
  const { url, orders, events } = await startEdge(t, {
    tokenClient: { password },
    settings: { publicOrigins: ['https://shop.example'], trustedProxies: ['127.0.0.1'] },
    table: oneRoute({ cors: { origins: [sibling], requestHeaders: ['content-type'], credentials: true } })
  })
  const host = { host: 'shop.example', 'x-forwarded-proto': 'https' }
  const login = await request(`${url}/login`, {
    method: 'POST',
    headers: { ...JSON_BODY, ...host },
    body: JSON.stringify(CREDENTIALS)
  })
  const cookies = [login.headers['set-cookie'] ?? []].flat()
  // Browsers send such cookies with requests of pages of the same site; with those of other sites they send none.
  for (const cookie of cookies) t.match(cookie, /^__Host-.*SameSite=Lax/)
  const cookie = cookies.map(value => value.split(';')[0]).join('; ')
  const page = { ...host, cookie, origin: sibling, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }
  const read = await request(`${url}/orders/1`, { headers: page })
  t.equal(read.statusCode, 200)
  t.match(read.headers, { 'access-control-allow-origin': sibling, 'access-control-allow-credentials': 'true' })
  t.equal(orders.received[0]?.headers.cookie, undefined, 'the cookies stay here')

  const write = await request(`${url}/orders`, { method: 'POST', headers: { ...page, ...JSON_BODY }, body: '{}' })
  t.equal(write.statusCode, 403)
  t.equal(write.headers['access-control-allow-origin'], sibling, 'the page can read why')
  const asks = {
    ...host,
    origin: sibling,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x-sallyport-csrf'
  }
  t.equal((await request(`${url}/orders`, { method: 'OPTIONS', headers: asks })).statusCode, 403)
  const elsewhere = { ...page, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  const foreign = await request(`${url}/orders/1`, { headers: elsewhere })
  t.equal(foreign.headers['access-control-allow-origin'], undefined)
  t.equal(orders.received.length, 2, 'two reads')
  const refused = failures(events)
  t.same(refused.slice(-2), ['authentication denied csrf-refused', 'forward denied header-not-allowed'])
})

t.test('browsers are not asked for a password by the edge, other clients are', async t => {
  const { url } = await startEdge(t)
  const challenge = async (headers: Record<string, string>): Promise<unknown> =>
    (await request(`${url}/orders`, { headers })).headers['www-authenticate']
  t.match(await challenge({}), /Basic realm=/)
  const browsers = [{ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, { origin: 'https://evil.example' }]
  for (const headers of browsers) t.notMatch(await challenge(headers), /Basic/)
})

t.test('the tolerance between clocks is a setting of the edge', async t => {
  const now = Math.floor(Date.now() / 1000)
  const headers = { authorization: `Bearer ${await accessToken({ iat: now + 25, nbf: now + 25, exp: now + 325 })}` }
  const [usual, tolerant] = [await startEdge(t), await startEdge(t, { settings: { clockToleranceSeconds: 60 } })]
  t.equal((await request(`${usual.url}/orders`, { headers })).statusCode, 401)
  t.equal((await request(`${tolerant.url}/orders`, { headers })).statusCode, 200)
})
