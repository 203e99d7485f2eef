import authentication, { sessionRoutes, type AuthenticationOptions } from '@sallyport/authentication'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { Browser, key } from '../../support/session-app.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'

type SessionOptions = NonNullable<AuthenticationOptions['session']>

/** A bare app: none of ours but the plugin and its routes. */
async function bareApp(t: Test, session: Partial<SessionOptions>, others: AuthenticationOptions = {}) {
  const { tokenClient, verifier, clock } = new FakeIssuer()
  const app = Fastify()
  t.after(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, {
    verifier,
    clock,
    basic: { tokenClient },
    session: { tokenClient, keys: [key('k1')], ...session },
    ...others
  })
  await app.register(sessionRoutes)
  app.post('/orders', async () => ({}))
  return app
}

async function logIn(app: FastifyInstance): Promise<Browser> {
  const browser = new Browser(app, {})
  await browser.logIn()
  return browser
}

t.test(
  'cookies have the names of the app, with __Host- and all that it asks for, and without it on loopback',
  async t => {
    const secure = await logIn(await bareApp(t, { cookiePrefix: 'shop' }))
    t.same([...secure.cookies.keys()].sort(), ['__Host-shop-access', '__Host-shop-refresh'])
    t.equal((await secure.send({ method: 'GET', url: '/session' })).statusCode, 200)
    const cleared = await secure.send({ method: 'POST', url: '/logout', headers: { 'sec-fetch-site': 'same-origin' } })
    for (const line of [cleared.headers['set-cookie'] ?? []].flat()) {
      t.match(line, /^__Host-shop-(access|refresh)=;.*Path=\/;.*Secure/)
      t.notMatch(line, /Domain/)
    }
    const loopback = await logIn(await bareApp(t, { cookiePrefix: 'shop', insecureLoopback: true }))
    t.same([...loopback.cookies.keys()].sort(), ['shop-access', 'shop-refresh'])
  }
)

t.test('cookies of another prefix are not read', async t => {
  const browser = await logIn(await bareApp(t, {}))
  const other = await bareApp(t, { cookiePrefix: 'shop' })
  const { statusCode } = await other.inject({ url: '/session', headers: { cookie: browser.cookieHeader() } })
  t.equal(statusCode, 401)
})

t.test('the header against forged requests has the name of the app, and no other one counts', async t => {
  const browser = await logIn(await bareApp(t, { csrfHeader: 'X-Shop-CSRF' }))
  const post = async (headers: Record<string, string>) =>
    (await browser.send({ method: 'POST', url: '/orders', headers })).statusCode
  t.equal(await post({ 'x-shop-csrf': '1' }), 200)
  t.equal(await post({ 'x-sallyport-csrf': '1' }), 403)
  t.equal(await post({}), 403)
})

t.test('a name that a browser or a foreign page could use fails the boot', async t => {
  for (const cookiePrefix of ['', '__Secure-shop', '__Host-shop', 'a b', 'a=b', 'a;b', 'é']) {
    await t.rejects(bareApp(t, { cookiePrefix }), { message: /session\.cookiePrefix must/ }, cookiePrefix)
  }
  for (const csrfHeader of ['accept', 'content-type', 'x-', 'x a', 'x-a:b', '']) {
    await t.rejects(bareApp(t, { csrfHeader }), { message: /session\.csrfHeader must/ }, csrfHeader)
  }
})

t.test("the realm of all challenges is the app's, and Basic may have one of its own", async t => {
  const offered = async (app: FastifyInstance) =>
    (await app.inject({ method: 'POST', url: '/orders' })).headers['www-authenticate']
  t.equal(
    await offered(await bareApp(t, {}, { realm: 'shop' })),
    'Bearer realm="shop", Basic realm="shop", charset="UTF-8"'
  )
  t.equal(await offered(await bareApp(t, {})), 'Bearer realm="api", Basic realm="sallyport", charset="UTF-8"')
  const { tokenClient } = new FakeIssuer()
  const own = await bareApp(t, {}, { realm: 'shop', basic: { tokenClient, realm: 'door' } })
  t.equal(await offered(own), 'Bearer realm="shop", Basic realm="door", charset="UTF-8"')
})
