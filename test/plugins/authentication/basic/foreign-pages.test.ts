import t from 'tap'
import { buildApp, codeOf } from '../../support/session-app.ts'

const GOOD = `Basic ${Buffer.from('customer1:pass:word').toString('base64')}`
const own = 'http://localhost'
const upgrade = { connection: 'upgrade', upgrade: 'websocket' }

const FOREIGN: ReadonlyArray<Record<string, string>> = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
  { 'sec-fetch-site': 'cross-site', origin: own },
  { 'sec-fetch-site': 'none', origin: 'https://evil.example' },
  { origin: 'https://evil.example' },
  { origin: 'https://localhost' },
  { origin: 'null' }
]
const OWN: ReadonlyArray<Record<string, string>> = [
  {},
  { 'user-agent': 'curl/8' },
  { origin: own },
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-origin', origin: own },
  { 'sec-fetch-site': 'none' }
]

t.test('S-05: an unsafe method by Basic from a foreign page is refused before the password is looked at', async t => {
  const { app, issuer, events } = await buildApp(t, { session: false, basic: {} })
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    for (const headers of FOREIGN) {
      const response = await app.inject({ method, url: '/orders', headers: { authorization: GOOD, ...headers } })
      t.equal(response.statusCode, 403, `${method} ${JSON.stringify(headers)}`)
      t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_CSRF_REFUSED')
      t.same(events(), ['authentication/denied/csrf-refused'])
    }
  }
  t.equal(issuer.calls.password, 0)
})

t.test('Basic changes something for clients that are no browsers, and for the own pages', async t => {
  const { app } = await buildApp(t, { session: false, basic: {} })
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    for (const headers of OWN) {
      const { statusCode } = await app.inject({ method, url: '/orders', headers: { authorization: GOOD, ...headers } })
      t.equal(statusCode, 200, JSON.stringify(headers))
    }
  }
})

t.test('S-05: a safe method by Basic needs nothing, but an upgrade counts as unsafe', async t => {
  const { app } = await buildApp(t, { session: false, basic: {} })
  const send = async (headers: Record<string, string>): Promise<number> =>
    (await app.inject({ url: '/orders', headers: { authorization: GOOD, ...headers } })).statusCode
  t.equal(await send({ 'sec-fetch-site': 'cross-site' }), 200)
  t.equal(await send({ ...upgrade, origin: 'https://evil.example' }), 403)
  t.equal(await send({ ...upgrade, origin: own }), 200)
  t.equal(await send(upgrade), 200)
})

t.test('behind a proxy that ends TLS the own origins are configured', async t => {
  const { app } = await buildApp(t, { session: false, basic: { origins: ['https://shop.example'] } })
  const send = async (origin: string): Promise<number> =>
    (await app.inject({ method: 'POST', url: '/orders', headers: { authorization: GOOD, origin } })).statusCode
  t.equal(await send('https://shop.example'), 200)
  t.equal(await send(own), 403)
  const mistaken = { session: false, basic: { origins: ['https://shop.example/'] } } as const
  await t.rejects(buildApp(t, mistaken), { message: /basic.origins/ })
})
