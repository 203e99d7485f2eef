import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { FACTS, ISSUER, startServer } from '../support/authorization-server.ts'
import { issuerSettingsMistakes } from '../../auth-server/src/settings.ts'
import { SETTINGS } from '../support/authorization-server.ts'
import { authorizeUrl, browser, pkce, requestOf } from '../support/browser.ts'
import { openTrailRows } from '../support/trail-rows.ts'

const LOGIN_PAGE = authorizeUrl(requestOf(pkce().challenge))

/** One try to log in at the login page, by an end user whom the proxy says to be at an address. */
async function tryLogin(app: FastifyInstance, username: string, password: string, forwardedFor: string) {
  const user = browser(app)
  user.headers['x-forwarded-for'] = forwardedFor
  return await user.submit(await user.get(LOGIN_PAGE), { username, password })
}

t.test('fifty wrong passwords of one end user behind a proxy stop nobody else at the login page', async t => {
  const { app } = await startServer(t, { trustedProxies: ['127.0.0.1'] })
  for (let n = 0; n < 51; n++) await tryLogin(app, `nobody${n}`, 'guess', `203.0.113.66:${4000 + n}`)
  t.equal(
    (await tryLogin(app, 'other', 'guess', '203.0.113.66')).statusCode,
    429,
    'the guesser waits, whatever the port'
  )
  const { password } = FACTS.users.customer1
  t.equal((await tryLogin(app, 'customer1', password, '203.0.113.67:4000')).statusCode, 200, 'a neighbour does not')
  t.equal((await tryLogin(app, 'customer2', FACTS.users.customer2.password, '[2001:db8::1]:5')).statusCode, 200)
})

t.test('without trusted proxies a header changes no source', async t => {
  const { app } = await startServer(t)
  for (let n = 0; n < 51; n++) await tryLogin(app, `nobody${n}`, 'guess', `203.0.113.${n}`)
  t.equal((await tryLogin(app, 'other', 'guess', '203.0.113.99')).statusCode, 429)
})

t.test('the trail has the address of the end user without its port', async t => {
  const { app, db } = await startServer(t, { trustedProxies: ['127.0.0.1'] })
  await tryLogin(app, 'customer1', FACTS.users.customer1.password, '198.51.100.9:4711')
  const rows = await openTrailRows(db, await db('audit_events').where({ action: 'sign-in.start' }))
  t.same(
    rows.map(row => row.source_address),
    ['198.51.100.9']
  )
})

t.test('a request for a host that is not the server’s is 421 on every path', async t => {
  const { app, events } = await startServer(t, {
    issuer: 'https://login.example',
    host: '0.0.0.0',
    allowedHosts: ['as.internal:8081']
  })
  const ask = async (url: string, host: string, method: 'GET' | 'POST' = 'GET') =>
    await app.inject({ method, url, headers: { host } })
  const METADATA = '/.well-known/oauth-authorization-server'
  for (const host of ['login.example', 'LOGIN.example:443', 'as.internal:8081']) {
    t.equal((await ask(METADATA, host)).statusCode, 200, host)
  }
  for (const host of ['evil.example', 'login.example.evil.example', 'as.internal', 'localhost', '127.0.0.1', '']) {
    t.equal((await ask(METADATA, host)).statusCode, 421, host)
  }
  events.length = 0
  for (const [method, url] of [
    ['GET', LOGIN_PAGE],
    ['POST', '/oauth2/token'],
    ['GET', '/oauth2/jwks'],
    ['GET', '/admin/users'],
    ['GET', '/nowhere']
  ] as const) {
    const { statusCode, headers, body } = await ask(url, 'evil.example', method)
    t.match([statusCode, headers['content-type']], [421, /problem\+json/], url)
    const requestId = headers['x-request-id']
    t.match(requestId, /^[0-9a-f-]{36}$/, 'the caller can quote it')
    t.match(JSON.parse(body), { code: 'SALLYPORT_AUTH_SERVER_HOST_REFUSED', status: 421, requestId })
  }
  t.same(new Set(events.map(({ reason }) => reason)), new Set(['host-refused']))
})

t.test('on a loopback listener loopback names are served, and HSTS follows from the issuer', async t => {
  const { app } = await startServer(t, { trustedProxies: ['127.0.0.1'] })
  const url = `/.well-known/oauth-authorization-server${new URL(ISSUER).pathname.replace(/\/$/, '')}`
  for (const host of ['localhost:8081', '127.0.0.1:5', '[::1]']) {
    const { statusCode, headers } = await app.inject({ url, headers: { host } })
    t.match([statusCode, headers['strict-transport-security']], [200, /^max-age=/], host)
  }
})

t.test('an https issuer on a plain listener without a proxy, and hosts that are none, do not boot', async t => {
  const PUBLIC = { ...SETTINGS, issuer: 'https://login.example' }
  t.match(issuerSettingsMistakes(PUBLIC).join(), /trustedProxies: an https: issuer and a plain listener/)
  t.same(issuerSettingsMistakes({ ...PUBLIC, trustedProxies: ['::1'] }), [])
  t.same(issuerSettingsMistakes({ ...PUBLIC, tlsCertificatePath: 'some' }), [])
  t.same(issuerSettingsMistakes(SETTINGS), [], 'on the machine of a developer')
  t.match(
    issuerSettingsMistakes({ ...SETTINGS, allowedHosts: ['https://a'] }).join(),
    /allowedHosts: "https:\/\/a" is not/
  )
})
