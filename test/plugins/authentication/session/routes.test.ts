import Fastify from 'fastify'
import t from 'tap'
import authentication, { sessionRoutes } from '@sallyport/authentication'
import type { SessionSummary } from '@sallyport/security-context'
import { Browser, buildApp, codeOf, key, loggedIn } from '../../support/session-app.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'
import { directoryOfIssuer } from '../support/issuer-directory.ts'

t.test('GET /session says who is logged in, and is 401 for nobody', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  const response = await browser.get('/session')
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.same(response.json(), {
    subject: 'subject-of-customer1',
    username: 'customer1',
    roles: ['CUSTOMER'],
    scopes: ['orders:read'],
    expiresAtSeconds: issuer.nowMs / 1000 + 300,
    sessionId: 'session-1',
    login: { method: 'password', authenticatedAtSeconds: null, acr: null, amr: [] }
  })
  const nobody = await app.inject('/session')
  t.equal(nobody.statusCode, 401)
  t.equal(nobody.headers['cache-control'], 'no-store')
})

t.test('S-07: logout revokes the refresh token, clears the cookies, and the old cookies stop working', async t => {
  const { app, issuer, events } = await buildApp(t)
  const browser = await loggedIn(app)
  const old = browser.cookieHeader()
  const response = await browser.send({ method: 'POST', url: '/logout' })
  t.equal(response.statusCode, 204)
  t.equal(response.headers['cache-control'], 'no-store')
  t.equal(browser.cookies.size, 0)
  t.match(issuer.revoked, [/^refresh-/])
  t.same(events(), ['session/success/logout'])
  const replayed = await app.inject({ url: '/orders', headers: { cookie: old } })
  t.equal(replayed.statusCode, 401)
  t.equal(codeOf(replayed), 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
})

t.test(
  'S-07: in this process the old cookie stops working at once, also before the verifier knows of the revocation',
  async t => {
    const { app, issuer } = await buildApp(t)
    const browser = await loggedIn(app)
    const old = browser.cookieHeader()
    await browser.send({ method: 'POST', url: '/logout' })
    for (const session of issuer.sessions) session.ended = false
    const replayed = await app.inject({ url: '/orders', headers: { cookie: old } })
    t.equal(replayed.statusCode, 401)
    t.equal(replayed.cookies.length, 2)
    issuer.nowMs += 301_000
    t.equal(
      (await app.inject({ url: '/orders', headers: { cookie: old } })).statusCode,
      401,
      'nor does a refresh bring it back'
    )
  }
)

t.test('S-07: logging out with cookies that were refreshed meanwhile ends the newest of the session', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  const old = browser.cookieHeader()
  issuer.nowMs += 301_000
  await browser.get('/orders')
  const response = await app.inject({
    method: 'POST',
    url: '/logout',
    headers: { cookie: old, 'x-sallyport-csrf': '1' }
  })
  t.equal(response.statusCode, 204)
  t.equal((await browser.get('/orders')).statusCode, 401)
  t.equal((await app.inject({ url: '/orders', headers: { cookie: old } })).statusCode, 401)
})

t.test(
  'logout works with an expired session without refreshing it, without a session, and with broken cookies',
  async t => {
    const { app, issuer } = await buildApp(t)
    const browser = await loggedIn(app)
    issuer.nowMs += 301_000
    t.equal((await browser.send({ method: 'POST', url: '/logout' })).statusCode, 204)
    t.equal(issuer.calls.refresh, 0)
    t.equal(issuer.calls.revoke, 1)
    t.equal((await browser.send({ method: 'POST', url: '/logout' })).statusCode, 204)
    browser.cookies.set('__Host-sallyport-access', 'broken')
    t.equal((await browser.send({ method: 'POST', url: '/logout' })).statusCode, 204)
    t.equal(browser.cookies.size, 0)
    t.equal(issuer.calls.revoke, 1)
  }
)

t.test('S-05: a foreign page cannot log anybody out, and two cookies of one name are refused', async t => {
  const { app, issuer, events } = await buildApp(t)
  const browser = await loggedIn(app)
  const response = await browser.send({ method: 'POST', url: '/logout', headers: { 'sec-fetch-site': 'cross-site' } })
  t.equal(response.statusCode, 403)
  t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_CSRF_REFUSED')
  t.same(events(), ['session/denied/csrf-refused'])
  const cookie = browser.cookieHeader()
  t.equal(
    (
      await app.inject({
        method: 'POST',
        url: '/logout',
        headers: { cookie: `${cookie}; ${cookie}`, 'x-sallyport-csrf': '1' }
      })
    ).statusCode,
    400
  )
  t.equal(issuer.calls.revoke, 0)
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test(
  'a logout that the authorization server could not store is 503 and says so; the cookies are cleared all the same',
  async t => {
    const { app, issuer, events } = await buildApp(t)
    const browser = await loggedIn(app)
    const old = browser.cookieHeader()
    issuer.revokeTrouble = 'unavailable'
    const response = await browser.send({ method: 'POST', url: '/logout' })
    t.equal(response.statusCode, 503)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_LOGOUT_INCOMPLETE')
    t.equal(response.headers['retry-after'], '5')
    t.equal(browser.cookies.size, 0)
    t.same(events(), ['session/failure/logout-incomplete'])
    t.equal((await app.inject({ url: '/orders', headers: { cookie: old } })).statusCode, 401)
  }
)

t.test('a client without cookies refreshes and logs out with its refresh token', async t => {
  const { app, issuer, events } = await buildApp(t)
  const client = new Browser(app, {})
  const login = await client.logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })
  const { refreshToken } = login.json<{ refreshToken: string }>()
  const refreshed = await client.send({ method: 'POST', url: '/session/refresh', payload: { refreshToken } })
  t.equal(refreshed.statusCode, 200)
  t.equal(refreshed.headers['cache-control'], 'no-store')
  t.equal(refreshed.headers['set-cookie'], undefined)
  t.match(refreshed.json(), {
    accessToken: /^access-/,
    refreshToken: /^refresh-/,
    expiresInSeconds: 300,
    tokenType: 'Bearer'
  })
  t.same(events(), ['session/success/session-refreshed'])

  const next = refreshed.json<{ refreshToken: string }>().refreshToken
  t.equal((await client.send({ method: 'POST', url: '/logout', payload: { refreshToken: next } })).statusCode, 204)
  t.same(issuer.revoked, [next])
  const after = await client.send({ method: 'POST', url: '/session/refresh', payload: { refreshToken: next } })
  t.equal(after.statusCode, 401)
  t.equal(codeOf(after), 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
  t.same(events(), ['session/denied/refresh-rejected'])
})

t.test(
  'S-07: logging out with a refresh token that was used meanwhile revokes its successor, and nothing remembered brings it back',
  async t => {
    const { app, issuer } = await buildApp(t)
    issuer.statusBlind = true
    const client = new Browser(app, {})
    const { refreshToken } = (
      await client.logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })
    ).json<{ refreshToken: string }>()
    const refreshed = await client.send({ method: 'POST', url: '/session/refresh', payload: { refreshToken } })
    t.equal((await client.send({ method: 'POST', url: '/logout', payload: { refreshToken } })).statusCode, 204)
    t.same(issuer.revoked, [refreshed.json<{ refreshToken: string }>().refreshToken])
    t.equal((await client.send({ method: 'POST', url: '/session/refresh', payload: { refreshToken } })).statusCode, 401)
  }
)

t.test('POST /session/refresh: outage 503, browser 403, anything but a refresh token 400', async t => {
  const { app, issuer, events } = await buildApp(t)
  const client = new Browser(app, {})
  const { refreshToken } = (await client.logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })).json<{
    refreshToken: string
  }>()
  issuer.trouble = 'unavailable'
  const away = await client.send({ method: 'POST', url: '/session/refresh', payload: { refreshToken } })
  t.equal(away.statusCode, 503)
  t.equal(away.headers['retry-after'], '5')
  t.same(events(), ['session/failure/refresh-unavailable'])
  const browser = await client.send({
    method: 'POST',
    url: '/session/refresh',
    payload: { refreshToken },
    headers: { origin: 'http://localhost' }
  })
  t.equal(browser.statusCode, 403)
  t.equal(codeOf(browser), 'SALLYPORT_AUTHENTICATION_BODY_TOKENS_REFUSED')
  for (const payload of [
    {},
    { refreshToken: 5 },
    { refreshToken: '' },
    { refreshToken, extra: 1 },
    { refreshToken: 'r'.repeat(8193) },
    { refreshToken: 'a\0' }
  ]) {
    t.equal((await client.send({ method: 'POST', url: '/session/refresh', payload })).statusCode, 400)
  }
  t.equal((await client.send({ method: 'POST', url: '/logout', payload: { refreshToken, extra: 1 } })).statusCode, 400)
})

t.test('S-10: a user lists their sessions and ends one of them', async t => {
  const issuer = new FakeIssuer()
  issuer.users.set('other', { password: 'other', roles: [] })
  const { app, events } = await buildApp(t, { issuer, directory: directoryOfIssuer(issuer) })
  const [here, there, stranger] = [await loggedIn(app), await loggedIn(app), new Browser(app)]
  await stranger.logIn({ username: 'other', password: 'other' })

  const list = await here.get('/sessions')
  t.equal(list.statusCode, 200)
  t.equal(list.headers['cache-control'], 'no-store')
  const { sessions } = list.json<{ sessions: SessionSummary[] }>()
  t.same(
    sessions.map(({ current }) => current),
    [true, false]
  )

  const refused = await stranger.send({ method: 'DELETE', url: `/sessions/${sessions[1]?.sessionId}` })
  t.equal(refused.statusCode, 404)
  t.equal(codeOf(refused), 'SALLYPORT_AUTHENTICATION_SESSION_NOT_FOUND')
  t.equal((await there.get('/orders')).statusCode, 200)

  t.equal((await here.send({ method: 'DELETE', url: `/sessions/${sessions[1]?.sessionId}` })).statusCode, 204)
  t.same(events(), ['authentication/success/authenticated', 'session/success/session-ended'])
  t.equal((await there.get('/orders')).statusCode, 401)
  t.equal((await here.get('/orders')).statusCode, 200)

  t.equal((await here.send({ method: 'DELETE', url: `/sessions/${sessions[0]?.sessionId}` })).statusCode, 204)
  t.equal(here.cookies.size, 0, 'ending the current session clears its cookies')
})

t.test('S-10: a user ends all their sessions; a foreign page cannot', async t => {
  const issuer = new FakeIssuer()
  const { app, events } = await buildApp(t, { issuer, directory: directoryOfIssuer(issuer) })
  const [here, there] = [await loggedIn(app), await loggedIn(app)]
  t.equal(
    (await here.send({ method: 'DELETE', url: '/sessions', headers: { 'sec-fetch-site': 'cross-site' } })).statusCode,
    403
  )
  t.equal((await there.get('/orders')).statusCode, 200)
  t.equal((await here.send({ method: 'DELETE', url: '/sessions' })).statusCode, 204)
  t.same(events(), ['authentication/success/authenticated', 'session/success/all-sessions-ended'])
  t.equal(here.cookies.size, 0)
  t.equal((await there.get('/orders')).statusCode, 401)
})

t.test('a directory that is away is 503 with Retry-After', async t => {
  const away = async (): Promise<never> => {
    throw Object.assign(new Error('away'), { code: 'SALLYPORT_TOKEN_UNAVAILABLE' })
  }
  const { app } = await buildApp(t, { directory: { list: away, end: away, endAll: away } })
  const browser = await loggedIn(app)
  for (const request of [
    { method: 'GET', url: '/sessions' },
    { method: 'DELETE', url: '/sessions/x' },
    { method: 'DELETE', url: '/sessions' }
  ] as const) {
    const response = await browser.send(request)
    t.equal(response.statusCode, 503)
    t.ok(response.headers['retry-after'])
  }
  t.equal(browser.cookies.size, 2)
})

t.test('without a directory there are no routes /sessions', async t => {
  const { app } = await buildApp(t)
  t.equal((await (await loggedIn(app)).get('/sessions')).statusCode, 404)
})

t.test('every route declares its access and its audit action', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  const declared: Record<string, unknown> = {}
  app.addHook('onRoute', route => {
    if (route.method !== 'HEAD') {
      declared[`${String(route.method)} ${route.url}`] = [route.config?.access, route.config?.audit]
    }
  })
  app.decorateRequest('principal', null)
  await app.register(authentication, {
    verifier: issuer.verifier,
    session: { tokenClient: issuer.tokenClient, keys: [key('k')] }
  })
  await app.register(sessionRoutes, { prefix: '/edge', directory: directoryOfIssuer(issuer) })
  await app.ready()
  t.same(declared, {
    'POST /edge/login': ['public', { action: 'session.login' }],
    'POST /edge/logout': ['public', { action: 'session.logout' }],
    'GET /edge/session': ['authenticated', 'none'],
    'POST /edge/session/refresh': ['public', { action: 'session.refresh' }],
    'GET /edge/sessions': ['authenticated', 'none'],
    'DELETE /edge/sessions/:sessionId': [
      'authenticated',
      { action: 'session.end', resource: { type: 'session', parameter: 'sessionId' } }
    ],
    'POST /edge/sessions/end': ['authenticated', { action: 'session.end' }],
    'DELETE /edge/sessions': ['authenticated', { action: 'session.end-all' }]
  })
  t.equal(
    (
      await app.inject({
        method: 'POST',
        url: '/edge/login',
        payload: { username: 'customer1', password: 'pass:word' }
      })
    ).statusCode,
    200,
    'and works without the security context plugin'
  )
  await app.close()
})

t.test('an app that uses @fastify/cookie itself keeps its own registration', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  await app.register(import('@fastify/cookie'))
  app.decorateRequest('principal', null)
  await app.register(authentication, {
    verifier: issuer.verifier,
    session: { tokenClient: issuer.tokenClient, keys: [key('k')], clock: issuer.clock }
  })
  await app.register(sessionRoutes)
  const browser = new Browser(app)
  t.equal((await browser.logIn()).statusCode, 200)
  t.equal((await browser.get('/session')).statusCode, 200)
  await app.close()
})

t.test('boot: the routes without the session option are refused', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  app.decorateRequest('principal', null)
  await app.register(authentication, { verifier: issuer.verifier })
  await t.rejects(
    async () => {
      await app.register(sessionRoutes)
    },
    { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' }
  )
})

t.test('P1: boot names every mistake in the session options at once, and never a key', async t => {
  const issuer = new FakeIssuer()
  const app = Fastify()
  app.decorateRequest('principal', null)
  const session = {
    tokenClient: issuer.tokenClient,
    keys: [
      { id: 'a', key: Buffer.from('short-secret') },
      { id: 'a', key: Buffer.alloc(32) },
      { id: 'b.c', key: Buffer.alloc(32, 1) }
    ],
    origins: ['https://shop.example/'],
    cookieMaxAgeSeconds: 0,
    maxRetained: 0,
    refreshAheadSeconds: -1,
    refreshRetentionMs: Number.NaN
  }
  const error = await (async () => await app.register(authentication, { verifier: issuer.verifier, session }))().then(
    () => null,
    (error: Error) => error
  )
  t.match(error, { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
  for (const part of [
    'distinct ids',
    'key a must have 32 bytes',
    'key a is not random',
    'an id is 1 to 32',
    'session.origins: https://shop.example/',
    'cookieMaxAgeSeconds',
    'maxRetained',
    'refreshAheadSeconds',
    'refreshRetentionMs'
  ]) {
    t.ok(error?.message.includes(part), part)
  }
  t.notMatch(error?.message, /short-secret/)
  const empty = Fastify()
  empty.decorateRequest('principal', null)
  await t.rejects(async () => {
    await empty.register(authentication, {
      verifier: issuer.verifier,
      session: { tokenClient: issuer.tokenClient, keys: [] }
    })
  }, /at least one key/)
})
