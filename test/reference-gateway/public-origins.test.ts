// How browsers reach the edge is a setting: the listener behind a proxy that ends TLS is plain.
import t, { type Test } from 'tap'
import { request } from 'undici'
import { publicEdge, publicOriginMistakes } from '../../reference-gateway/src/public-origins.ts'
import { accessToken, failures, GOOD, startEdge, type EdgeOptions } from '../support/edge.ts'

const SHOP = 'https://shop.example'
const BEHIND = { publicOrigins: [SHOP], allowedHosts: [], trustedProxies: ['127.0.0.1'] }
/** What a proxy that ends TLS says. */
const FORWARDED = { host: 'shop.example', 'x-forwarded-for': '198.51.100.7:4711', 'x-forwarded-proto': 'https' }

async function startShop(t: Test, settings: EdgeOptions['settings'] = {}) {
  const token = await accessToken()
  const password = async () => ({ accessToken: token, refreshToken: 'r', expiresInSeconds: 300, scope: null })
  const edge = await startEdge(t, { settings: { ...BEHIND, ...settings }, tokenClient: { password } })
  const logIn = async (headers: Record<string, string> = FORWARDED) =>
    await request(`${edge.url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ username: 'customer1', password: 'pass' })
    })
  return { ...edge, logIn }
}

t.test('behind a proxy that ends TLS, session cookies are Secure and __Host-, and answers carry HSTS', async t => {
  const { logIn, url } = await startShop(t)
  const { statusCode, headers } = await logIn()
  t.equal(statusCode, 200)
  const cookies = [headers['set-cookie'] ?? []].flat()
  t.equal(cookies.length, 2)
  for (const cookie of cookies) t.match(cookie, /^__Host-sallyport-\w+=[^;]+;.*Path=\/;.*Secure/)
  t.match(headers['strict-transport-security'], /^max-age=\d{8}/)
  const { headers: refused } = await request(`${url}/orders`, { headers: FORWARDED })
  t.match(refused['strict-transport-security'], /^max-age=/, 'refusals too')
})

t.test('over loopback without a proxy cookies and headers stay those of plain HTTP', async t => {
  for (const publicOrigins of [[], ['http://127.0.0.1:8080']]) {
    const { logIn } = await startShop(t, { publicOrigins, trustedProxies: [], allowedHosts: ['127.0.0.1:8080'] })
    const { headers } = await logIn({ host: '127.0.0.1:8080' })
    t.match([headers['set-cookie'] ?? []].flat()[0], /^sallyport-access=/)
    t.equal(headers['strict-transport-security'], undefined)
  }
})

t.test('services learn the scheme and host of the origin, and the address of the end user', async t => {
  const { url, orders } = await startShop(t)
  for (const proto of ['https', undefined]) {
    const { 'x-forwarded-proto': _left, ...others } = FORWARDED
    const headers = { ...GOOD, ...(proto === undefined ? others : FORWARDED) }
    t.equal((await request(`${url}/orders`, { headers })).statusCode, 200)
    t.match(orders.received.at(-1)?.headers, {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'shop.example',
      'x-forwarded-for': '198.51.100.7'
    })
  }
})

t.test('a request that the proxy took over plain HTTP is 421, before its credential is looked at', async t => {
  const { url, orders, events } = await startShop(t)
  const plain = { ...GOOD, ...FORWARDED, 'x-forwarded-proto': 'http' }
  const { statusCode, body } = await request(`${url}/orders`, { headers: plain })
  t.equal(statusCode, 421)
  t.match(await body.json(), { code: 'SALLYPORT_GATEWAY_SCHEME_REFUSED' })
  t.same(failures(events), ['hygiene denied scheme-refused'])
  t.equal(orders.received.length, 0)
})

t.test('only the hosts of the origins are served', async t => {
  const { url } = await startShop(t, { publicOrigins: [SHOP, 'https://shop.example.org:8443'] })
  const ask = async (host: string) =>
    (await request(`${url}/orders`, { headers: { ...GOOD, ...FORWARDED, host } })).statusCode
  for (const host of ['shop.example', 'SHOP.example:443', 'shop.example.org:8443']) t.equal(await ask(host), 200, host)
  for (const host of ['evil.example', 'shop.example.org', 'shop.example:80', '127.0.0.1', 'localhost']) {
    t.equal(await ask(host), 421, host)
  }
})

t.test('pages of the origins are our own, and no others, whatever the request says of itself', async t => {
  const { url } = await startShop(t)
  const authorization = `Basic ${Buffer.from('customer1:pass').toString('base64')}`
  const change = async (origin: string, more: Record<string, string> = {}) => {
    const headers = { ...FORWARDED, ...more, authorization, origin }
    return (await request(`${url}/orders`, { method: 'POST', headers })).statusCode
  }
  t.equal(await change(SHOP), 200)
  for (const foreign of ['http://shop.example', 'https://evil.example', 'https://shop.example:8443', 'null']) {
    t.equal(await change(foreign), 403, foreign)
  }
})

t.test('settings under which cookies would travel in the clear do not boot', async t => {
  const facts = { publicOrigins: [SHOP], allowedHosts: [], trustedProxies: ['127.0.0.1'], edgeTls: false }
  t.same(publicOriginMistakes(facts), [])
  t.same(publicOriginMistakes({ ...facts, publicOrigins: ['http://localhost:8080', 'http://[::1]:8080'] }), [])
  t.same(publicOriginMistakes({ publicOrigins: [SHOP], allowedHosts: [], trustedProxies: [], edgeTls: true }), [])
  t.same(
    publicOriginMistakes({
      publicOrigins: [],
      allowedHosts: ['localhost', '127.0.0.1:1'],
      trustedProxies: [],
      edgeTls: false
    }),
    []
  )
  t.same(publicOriginMistakes({ publicOrigins: [], allowedHosts: ['a'], trustedProxies: ['::1'], edgeTls: true }), [])
  for (const [more, mistake] of [
    [{ publicOrigins: ['http://shop.example'] }, /http:\/\/shop\.example would send credentials in the clear/],
    [{ publicOrigins: [SHOP, 'http://192.0.2.1'] }, /192\.0\.2\.1 would send/],
    [{ publicOrigins: [SHOP, 'http://localhost'] }, /https: and http: together/],
    [{ publicOrigins: ['https://shop.example/'] }, /"https:\/\/shop\.example\/" is not scheme:\/\/host/],
    [{ publicOrigins: ['shop.example'] }, /is not scheme/],
    [{ publicOrigins: ['ftp://shop.example'] }, /is not scheme/],
    [{ publicOrigins: ['https://*.shop.example'] }, /is not scheme/],
    [{ publicOrigins: ['http://localhost'], edgeTls: true }, /browsers do not use http/],
    [{ trustedProxies: [] }, /trustedProxies: https: origins before a plain listener/],
    [{ publicOrigins: [] }, /publicOrigins: needed with trustedProxies/],
    [
      { publicOrigins: [], trustedProxies: [], allowedHosts: ['shop.example'] },
      /needed with allowedHosts \(shop\.example\)/
    ]
  ] as const) {
    const mistakes = publicOriginMistakes({ ...facts, ...more })
    t.match(mistakes.join('\n'), mistake)
  }
})

t.test('a listener that speaks TLS itself is secure without a list', async t => {
  const facts = { publicOrigins: [], allowedHosts: [], trustedProxies: [], edgeTls: true }
  t.match(publicEdge(facts), { secure: true, origins: undefined, scheme: undefined })
  t.equal(publicEdge({ ...facts, edgeTls: false }).secure, false)
})
