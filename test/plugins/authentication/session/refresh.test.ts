import t from 'tap'
import { Browser, buildApp, codeOf, key, loggedIn, until } from '../../support/session-app.ts'
import { measured } from '../../support/measured.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'

const SET = ['__Host-sallyport-access', '__Host-sallyport-refresh']

t.test('an expired access token is refreshed inside the request, and the new cookies are on its response', async t => {
  const { app, issuer, events } = await buildApp(t)
  const browser = await loggedIn(app)
  const before = new Map(browser.cookies)
  issuer.nowMs += 301_000
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  t.same(
    response.cookies.map(({ name }) => name),
    SET
  )
  t.equal(response.headers['cache-control'], 'no-store')
  for (const [name, value] of browser.cookies) t.not(value, before.get(name))
  t.same(events(), ['session/success/session-refreshed', 'authentication/success/authenticated'])
  t.equal((await browser.get('/orders')).headers['set-cookie'], undefined)
  t.equal(issuer.calls.refresh, 1)
  t.equal(issuer.calls.password, 1)
})

t.test('an access token is refreshed when less than the window is left, and not before', async t => {
  const { app, issuer } = await buildApp(t, { session: { refreshAheadSeconds: 30 } })
  const browser = await loggedIn(app)
  issuer.nowMs += 269_999
  t.equal((await browser.get('/orders')).headers['set-cookie'], undefined)
  issuer.nowMs += 1
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  t.same(
    response.cookies.map(({ name }) => name),
    SET
  )
  t.equal(issuer.calls.refresh, 1)
})

t.test('with tokens of 20 seconds a session is refreshed in their last third, not by each request', async t => {
  const issuer = new FakeIssuer()
  issuer.accessSeconds = 20
  const { app } = await buildApp(t, { issuer })
  const browser = await loggedIn(app)
  for (let second = 0; second < 60; second++) {
    for (let request = 0; request < 5; request++) t.equal((await browser.get('/orders')).statusCode, 200)
    issuer.nowMs += 1000
  }
  t.equal(issuer.calls.refresh, 4)
})

t.test(
  'a session whose browser lost the access cookie is refreshed; one that lost the refresh cookie lasts as long as the access token',
  async t => {
    const { app, issuer } = await buildApp(t)
    const browser = await loggedIn(app)
    browser.cookies.delete('__Host-sallyport-access')
    t.equal((await browser.get('/orders')).statusCode, 200)
    t.equal(issuer.calls.refresh, 1)
    browser.cookies.delete('__Host-sallyport-refresh')
    issuer.nowMs += 290_000
    t.equal((await browser.get('/orders')).statusCode, 200)
    issuer.nowMs += 20_000
    const response = await browser.get('/orders')
    t.equal(response.statusCode, 401)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
    t.equal(browser.cookies.size, 0)
  }
)

t.test('a role change revokes the token and keeps the session: the next request carries the new roles', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.changeRoles('customer1', ['ADMIN'])
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  t.same(response.json<{ roles: string[] }>().roles, ['ADMIN'])
  t.same(
    response.cookies.map(({ name }) => name),
    SET
  )
})

t.test('a role change right after a refresh is seen by requests with the old cookies too', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  const late = new Browser(app)
  for (const [name, value] of browser.cookies) late.cookies.set(name, value)
  issuer.nowMs += 301_000
  await browser.get('/orders')
  issuer.changeRoles('customer1', ['ADMIN'])
  const response = await late.get('/orders')
  t.equal(response.statusCode, 200)
  t.same(response.json<{ roles: string[] }>().roles, ['ADMIN'])
  t.equal(issuer.calls.refresh, 2)
})

for (const rotation of ['idempotent', 'strict'] as const) {
  t.test(
    `S-08: 50 parallel requests at expiry make one refresh, 0 × 401, and all get the same cookies (${rotation} rotation)`,
    async t => {
      const { app, issuer } = await buildApp(t)
      issuer.rotation = rotation
      const browser = await loggedIn(app)
      issuer.nowMs += 301_000
      issuer.calls.verify = 0
      const open = Promise.withResolvers<void>()
      issuer.gate = open.promise
      const headers = { cookie: browser.cookieHeader() }
      const requests = Array.from({ length: 50 }, async () => await app.inject({ url: '/orders', headers }))
      await until(() => issuer.calls.verify === 50)
      open.resolve()
      const responses = await Promise.all(requests)
      t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]))
      t.equal(new Set(responses.map(({ headers }) => String(headers['set-cookie']))).size, 1)
      t.match(
        responses[49]?.cookies.map(({ name }) => name),
        SET
      )
      t.equal(issuer.calls.refresh, 1)
      t.test('and who comes later with the old cookies gets them too', async t => {
        const late = await app.inject({ url: '/orders', headers })
        t.equal(late.statusCode, 200)
        t.equal(String(late.headers['set-cookie']), String(responses[0]?.headers['set-cookie']))
        t.equal(issuer.calls.refresh, 1)
      })
    }
  )
}

t.test('the result of a refresh is remembered for its time only', async t => {
  const { app, issuer } = await buildApp(t, { session: { refreshRetentionMs: 10_000 } })
  const browser = await loggedIn(app)
  issuer.nowMs += 301_000
  const headers = { cookie: browser.cookieHeader() }
  await app.inject({ url: '/orders', headers })
  issuer.nowMs += 9_999
  await app.inject({ url: '/orders', headers })
  t.equal(issuer.calls.refresh, 1)
  issuer.nowMs += 1
  await app.inject({ url: '/orders', headers })
  t.equal(issuer.calls.refresh, 2)
})

t.test('a request with the old cookies gets the newest successor, not one that was replaced itself', async t => {
  const { app, issuer } = await buildApp(t, { session: { refreshRetentionMs: 600_000 } })
  issuer.rotation = 'strict'
  const browser = await loggedIn(app)
  const old = { cookie: browser.cookieHeader() }
  issuer.nowMs += 290_000
  await browser.get('/orders')
  issuer.nowMs += 290_000
  await browser.get('/orders')
  t.equal(issuer.calls.refresh, 2)
  const late = await app.inject({ url: '/orders', headers: old })
  t.equal(late.statusCode, 200)
  t.equal(late.cookies.find(({ name }) => name === SET[1])?.value, browser.cookies.get(SET[1]!))
  t.equal(issuer.calls.refresh, 2)
})

t.test('RFC 6749 §6: a server that does not rotate refresh tokens works: the old one is kept', async t => {
  const { app, issuer } = await buildApp(t)
  issuer.rotation = 'none'
  const browser = await loggedIn(app)
  for (const refreshes of [1, 2, 3]) {
    issuer.nowMs += 301_000
    const old = browser.cookieHeader()
    t.equal((await browser.get('/orders')).statusCode, 200)
    t.equal((await app.inject({ url: '/orders', headers: { cookie: old } })).statusCode, 200, 'also for who comes late')
    t.equal(issuer.calls.refresh, refreshes)
  }
})

t.test('S-09: a rejected refresh ends the session: 401, cookies cleared', async t => {
  const { app, issuer, events } = await buildApp(t)
  issuer.absoluteSeconds = 1000
  const browser = await loggedIn(app)
  for (let elapsed = 301; elapsed < 1000; elapsed += 301) {
    issuer.nowMs += 301_000
    t.equal((await browser.get('/orders')).statusCode, 200)
  }
  issuer.nowMs += 301_000
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 401)
  t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
  t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_SESSION_ENDED')
  t.equal(browser.cookies.size, 0)
  t.same(events(), ['session/denied/refresh-rejected', 'authentication/denied/refresh-rejected'])
})

t.test('50 parallel requests of an ended session are each 401 with every challenge once', async t => {
  const { app, issuer } = await buildApp(t, { basic: {} })
  const browser = await loggedIn(app)
  issuer.endSessionsOf('customer1')
  issuer.calls.verify = 0
  const open = Promise.withResolvers<void>()
  issuer.gate = open.promise
  const headers = { cookie: browser.cookieHeader() }
  const requests = Array.from({ length: 50 }, async () => await app.inject({ url: '/orders', headers }))
  await until(() => issuer.calls.verify === 50)
  open.resolve()
  const responses = await Promise.all(requests)
  t.same(new Set(responses.map(({ statusCode }) => statusCode)), new Set([401]))
  const nobody = await app.inject('/orders')
  t.same(
    new Set(responses.map(({ headers }) => headers['www-authenticate'])),
    new Set([nobody.headers['www-authenticate']])
  )
  t.equal(issuer.calls.refresh, 1)
})

t.test('an outage while refreshing is 503 or 429 with Retry-After, and the cookies are kept', async t => {
  const { app, issuer, events } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.nowMs += 301_000
  for (const [trouble, status] of [
    ['unavailable', 503],
    ['not-granted', 503],
    ['throttled', 429]
  ] as const) {
    issuer.trouble = trouble
    const response = await browser.get('/orders')
    t.equal(response.statusCode, status)
    t.ok(Number(response.headers['retry-after']) > 0)
    t.equal(response.headers['set-cookie'], undefined)
    t.equal(events()[0], 'session/failure/refresh-unavailable')
  }
  issuer.trouble = null
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test(
  'an outage while refreshing ahead costs nothing: the token is still good, and the server is left alone for 5 s',
  async t => {
    const { app, issuer } = await buildApp(t)
    const browser = await loggedIn(app)
    issuer.nowMs += 280_000
    issuer.trouble = 'unavailable'
    for (let request = 0; request < 3; request++) {
      const response = await browser.get('/orders')
      t.equal(response.statusCode, 200)
      t.equal(response.headers['set-cookie'], undefined)
    }
    t.equal(issuer.calls.refresh, 1)
    issuer.trouble = null
    issuer.nowMs += 5000
    t.same(
      (await browser.get('/orders')).cookies.map(({ name }) => name),
      SET
    )
    t.equal(issuer.calls.refresh, 2)
  }
)

t.test('when the verifier cannot tell, the answer is 503, nothing is refreshed and the cookies are kept', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.verifyTrouble = 'unavailable'
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 503)
  t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE')
  t.equal(response.headers['set-cookie'], undefined)
  t.equal(issuer.calls.refresh, 0)
})

t.test(
  'a refreshed token that the verifier refuses is 503 and keeps the cookies: issuer and verifier disagree',
  async t => {
    const { app, issuer } = await buildApp(t)
    const browser = await loggedIn(app)
    issuer.verifyTrouble = 'refused'
    const response = await browser.get('/orders')
    t.equal(response.statusCode, 503)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE')
    t.equal(response.headers['set-cookie'], undefined)
  }
)

t.test('a response that carries new cookies is never stored by a cache, whatever the route says', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  t.equal((await browser.get('/cacheable')).headers['cache-control'], 'public, max-age=3600')
  issuer.nowMs += 301_000
  const response = await browser.get('/cacheable')
  t.ok(response.headers['set-cookie'])
  t.equal(response.headers['cache-control'], 'no-store')
})

t.test(
  'S-03: two replicas share sessions by the key ring; old keys read, new keys write, a removed key is a clean logout',
  async t => {
    const issuer = new FakeIssuer()
    const old = await buildApp(t, { issuer, session: { keys: [key('old')] } })
    const both = await buildApp(t, { issuer, session: { keys: [key('new'), key('old')] } })
    const fresh = await buildApp(t, { issuer, session: { keys: [key('new')] } })
    const browser = await loggedIn(old.app)
    const elsewhere = new Browser(both.app)
    for (const [name, value] of browser.cookies) elsewhere.cookies.set(name, value)

    t.equal((await elsewhere.get('/orders')).statusCode, 200)
    issuer.nowMs += 301_000
    t.equal((await elsewhere.get('/orders')).statusCode, 200)
    for (const value of elsewhere.cookies.values()) t.match(value, /^new\./)

    const kept = await fresh.app.inject({ url: '/orders', headers: { cookie: elsewhere.cookieHeader() } })
    t.equal(kept.statusCode, 200)
    const gone = await fresh.app.inject({ url: '/orders', headers: { cookie: browser.cookieHeader() } })
    t.equal(gone.statusCode, 401)
    t.equal(codeOf(gone), 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID')
    t.same(
      gone.cookies.map(({ name, value, maxAge }) => ({ name, value, maxAge })),
      SET.map(name => ({ name, value: '', maxAge: 0 }))
    )
  }
)

t.test(
  'two replicas that refresh the same session at once both succeed when the server rotates idempotently',
  async t => {
    const issuer = new FakeIssuer()
    const [one, two] = [await buildApp(t, { issuer }), await buildApp(t, { issuer })]
    const browser = await loggedIn(one.app)
    issuer.nowMs += 301_000
    const headers = { cookie: browser.cookieHeader() }
    const responses = await Promise.all(
      [one, two].map(async ({ app }) => await app.inject({ url: '/orders', headers }))
    )
    t.same(
      responses.map(({ statusCode }) => statusCode),
      [200, 200]
    )
    t.equal(issuer.calls.refresh, 2)
  }
)

t.test('refreshes are counted beside the sessions that were due: one for one, more while nobody answers', async t => {
  const { app, issuer } = await buildApp(t)
  const counts = async (): Promise<unknown> => [
    await measured(app, 'sallyport_session_tokens_due_total'),
    await measured(app, 'sallyport_session_refreshes_total')
  ]
  const browser = await loggedIn(app)
  t.same(await counts(), [0, { success: 0, rejected: 0, unavailable: 0 }])
  issuer.nowMs += 301_000
  await Promise.all([browser.get('/orders'), browser.get('/orders')])
  t.same(await counts(), [1, { success: 1, rejected: 0, unavailable: 0 }], 'requests that share it are one')
  issuer.nowMs += 301_000
  issuer.trouble = 'unavailable'
  for (let request = 0; request < 3; request++) t.equal((await browser.get('/orders')).statusCode, 503)
  t.same(await counts(), [2, { success: 1, rejected: 0, unavailable: 3 }])
})
