import t from 'tap'
import { comparableAnswer } from '../../../support/comparable-answer.ts'
import { Browser, buildApp, codeOf, loggedIn } from '../../support/session-app.ts'

const credentials = { username: 'customer1', password: 'pass:word' }

t.test(
  'S-01: a login answers who it is and sets __Host- cookies that are Secure, HttpOnly, SameSite=Lax, Path=/ and have no Domain',
  async t => {
    const { app, issuer, events } = await buildApp(t)
    const browser = new Browser(app)
    const response = await browser.logIn()
    t.equal(response.statusCode, 200)
    t.same(response.json(), {
      subject: 'subject-of-customer1',
      roles: ['CUSTOMER'],
      scopes: ['orders:read'],
      expiresAtSeconds: issuer.nowMs / 1000 + 300
    })
    t.equal(response.headers['cache-control'], 'no-store')
    const lines = [response.headers['set-cookie']].flat()
    t.equal(lines.length, 2)
    for (const line of lines) {
      t.match(line, /^__Host-sallyport-(access|refresh)=k1\.[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
      t.ok(String(line).split(';')[0]!.length <= 4096)
    }
    t.same(events(), ['session/success/login-succeeded'])
    t.same(issuer.asked, [
      { sessionKind: 'login', scope: undefined, connection: { sourceAddress: '127.0.0.1', userAgent: 'Test browser' } }
    ])
    t.notMatch(response.body + String(response.headers['set-cookie']), /access-|refresh-\d/, 'no token in clear')
  }
)

t.test('S-01: SameSite=Strict, Max-Age and a scope when the options say so', async t => {
  const { app, issuer } = await buildApp(t, {
    session: { sameSite: 'strict', cookieMaxAgeSeconds: 3600, scope: 'orders:read' }
  })
  const response = await new Browser(app).logIn()
  for (const cookie of response.cookies) t.match(cookie, { sameSite: 'Strict', maxAge: 3600 })
  t.equal(issuer.asked[0]?.scope, 'orders:read')
})

t.test('over loopback without TLS the names have no prefix and the cookies are not Secure', async t => {
  const { app } = await buildApp(t, { session: { insecureLoopback: true } })
  const response = await new Browser(app).logIn()
  t.same(
    response.cookies.map(({ name }) => name),
    ['sallyport-access', 'sallyport-refresh']
  )
  for (const cookie of response.cookies) {
    t.match(cookie, { httpOnly: true, path: '/', sameSite: 'Lax', secure: undefined })
  }
})

t.test('later requests are authenticated by the cookies', async t => {
  const { app, issuer, events } = await buildApp(t)
  const browser = await loggedIn(app)
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  t.match(response.json(), { subject: 'subject-of-customer1', token: /^access-/ })
  t.equal(response.headers['set-cookie'], undefined)
  t.same(issuer.calls, { ...issuer.calls, password: 1, refresh: 0 })
  t.same(events(), ['authentication/success/authenticated'])
})

t.test('a form logs in as JSON does, and its password is taken exactly', async t => {
  const { app, issuer } = await buildApp(t)
  issuer.users.set('ü ser', { password: 'a+b %&=:ü😀', roles: [] })
  const payload = new URLSearchParams({ username: 'ü ser', password: 'a+b %&=:ü😀' }).toString()
  const response = await app.inject({
    method: 'POST',
    url: '/login',
    payload,
    headers: { 'content-type': 'application/x-www-form-urlencoded' }
  })
  t.equal(response.statusCode, 200)
})

t.test('a form with a field twice, with bytes that are not UTF-8 or a broken escape is refused', async t => {
  const { app, issuer } = await buildApp(t)
  for (const payload of [
    'username=a&username=b&password=c',
    'username=a&password=%ff',
    'username=a&password=%zz',
    Buffer.from([0x75, 0x3d, 0xff])
  ]) {
    const response = await app.inject({
      method: 'POST',
      url: '/login',
      payload,
      headers: { 'content-type': 'application/x-www-form-urlencoded' }
    })
    t.equal(response.statusCode, 400)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_FORM_INVALID')
  }
  t.equal(issuer.calls.password, 0)
})

t.test('O-30: a body that is not exactly a login is 400 and asks nobody', async t => {
  const { app, issuer } = await buildApp(t)
  const bodies: unknown[] = [
    {},
    { username: 'customer1' },
    { password: 'x' },
    { ...credentials, extra: 1 },
    { ...credentials, username: 5 },
    { ...credentials, username: '' },
    { ...credentials, password: '' },
    { ...credentials, username: 'u'.repeat(257) },
    { ...credentials, password: 'p'.repeat(1025) },
    { ...credentials, tokens: 'header' },
    [],
    null,
    'text'
  ]
  for (const body of bodies) {
    const response = await app.inject({
      method: 'POST',
      url: '/login',
      payload: JSON.stringify(body),
      headers: { 'content-type': 'application/json' }
    })
    t.equal(response.statusCode, 400, JSON.stringify(body)?.slice(0, 60))
  }
  for (const text of ['nul\0', '\ud800', 'x\udc00y']) {
    for (const body of [
      { ...credentials, username: text },
      { ...credentials, password: text }
    ]) {
      const response = await app.inject({
        method: 'POST',
        url: '/login',
        payload: JSON.stringify(body),
        headers: { 'content-type': 'application/json' }
      })
      t.equal(response.statusCode, 400)
      t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_FORM_INVALID')
    }
  }
  t.equal(issuer.calls.password, 0)
})

t.test('O-30: 256 and 1024 characters are accepted and taken exactly', async t => {
  const { app, issuer } = await buildApp(t)
  const long = { username: 'u'.repeat(256), password: 'p'.repeat(1024) }
  issuer.users.set(long.username, { password: long.password, roles: [] })
  t.equal((await new Browser(app).logIn(long)).statusCode, 200)
  t.equal((await new Browser(app).logIn({ ...long, password: 'p'.repeat(1023) })).statusCode, 401)
})

t.test('O-31: an unknown user and a wrong password get the same answer, byte for byte, and no cookies', async t => {
  const { app, events } = await buildApp(t)
  const wrong = await new Browser(app).logIn({ username: 'customer1', password: 'no' })
  t.same(events(), ['session/denied/login-rejected'])
  const unknown = await new Browser(app).logIn({ username: 'nobody', password: 'no' })
  t.same(events(), ['session/denied/login-rejected'])
  t.equal(wrong.statusCode, 401)
  t.equal(codeOf(wrong), 'SALLYPORT_AUTHENTICATION_LOGIN_REJECTED')
  t.strictSame(comparableAnswer(unknown), comparableAnswer(wrong))
  t.equal(wrong.headers['set-cookie'], undefined)
  t.equal(wrong.headers['cache-control'], 'no-store')
})

t.test('an outage is 503, throttling 429, both with Retry-After; never 401', async t => {
  const { app, issuer, events } = await buildApp(t)
  const cases = [
    ['unavailable', 503, 'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE', '5', 'session/failure/login-unavailable'],
    ['not-granted', 503, 'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE', '5', 'session/failure/login-unavailable'],
    ['throttled', 429, 'SALLYPORT_AUTHENTICATION_THROTTLED', '17', 'session/denied/login-throttled']
  ] as const
  for (const [trouble, status, code, retryAfter, event] of cases) {
    issuer.trouble = trouble
    const response = await new Browser(app).logIn()
    t.equal(response.statusCode, status)
    t.equal(codeOf(response), code)
    t.equal(response.headers['retry-after'], retryAfter)
    t.same(events(), [event])
  }
})

t.test('a login whose token the verifier refuses is 503, and the session that nobody can use is ended', async t => {
  const { app, issuer, events } = await buildApp(t)
  issuer.verifyTrouble = 'refused'
  const response = await new Browser(app).logIn()
  t.equal(response.statusCode, 503)
  t.equal(response.headers['set-cookie'], undefined)
  t.same(events(), ['session/failure/login-unavailable'])
  t.match(issuer.revoked, [/^refresh-/])
})

t.test('S-06: a login from a page of another origin is refused before anybody is asked', async t => {
  const { app, issuer, events } = await buildApp(t)
  const pages = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'https://localhost' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://localhost' },
    { origin: 'http://localhost.evil.example' }
  ]
  for (const headers of pages) {
    const response = await new Browser(app, headers).logIn()
    t.equal(response.statusCode, 403, JSON.stringify(headers))
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_ORIGIN_FOREIGN')
    t.same(events(), ['session/denied/login-origin-foreign'])
  }
  t.equal(issuer.calls.password, 0)
  for (const headers of [
    {},
    { origin: 'http://localhost' },
    { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' },
    { 'sec-fetch-site': 'none' }
  ]) {
    t.equal((await new Browser(app, headers).logIn()).statusCode, 200, JSON.stringify(headers))
  }
})

t.test('the own origin can be configured, for a proxy that ends TLS', async t => {
  const { app } = await buildApp(t, { session: { origins: ['https://shop.example'] } })
  t.equal((await new Browser(app, { origin: 'https://shop.example' }).logIn()).statusCode, 200)
  t.equal((await new Browser(app, { origin: 'http://localhost' }).logIn()).statusCode, 403)
})

t.test('S-07: each login gets new cookies, whatever cookies it came with', async t => {
  const { app } = await buildApp(t)
  const browser = await loggedIn(app)
  const before = new Map(browser.cookies)
  const first = (await browser.get('/session')).json<{ sessionId: string }>().sessionId
  t.equal((await browser.logIn()).statusCode, 200)
  for (const [name, value] of browser.cookies) t.not(value, before.get(name))
  t.not((await browser.get('/session')).json<{ sessionId: string }>().sessionId, first)
})

t.test('cookies that an attacker planted do not survive a login, nor do they stop it', async t => {
  const { app } = await buildApp(t)
  const browser = new Browser(app)
  browser.cookies.set('__Host-sallyport-access', 'planted')
  browser.cookies.set('__Host-sallyport-refresh.1', 'planted')
  t.equal((await browser.logIn()).statusCode, 200)
  t.same([...browser.cookies.keys()].sort(), ['__Host-sallyport-access', '__Host-sallyport-refresh'])
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('a client without cookies gets its tokens in the body, and no cookies', async t => {
  const { app, events } = await buildApp(t)
  const response = await new Browser(app, {}).logIn({ ...credentials, tokens: 'body' })
  t.equal(response.statusCode, 200)
  t.match(response.json(), {
    accessToken: /^access-/,
    refreshToken: /^refresh-/,
    expiresInSeconds: 300,
    tokenType: 'Bearer'
  })
  t.equal(response.headers['set-cookie'], undefined)
  t.equal(response.headers['cache-control'], 'no-store')
  t.same(events(), ['session/success/login-succeeded'])
  const { accessToken } = response.json<{ accessToken: string }>()
  t.equal((await app.inject({ url: '/orders', headers: { authorization: `Bearer ${accessToken}` } })).statusCode, 200)
})

t.test('a browser does not get tokens in the body', async t => {
  const { app, issuer, events } = await buildApp(t)
  for (const headers of [
    { 'sec-fetch-site': 'same-origin' },
    { origin: 'http://localhost' },
    { 'sec-fetch-mode': 'cors' }
  ]) {
    const response = await new Browser(app, headers).logIn({ ...credentials, tokens: 'body' })
    t.equal(response.statusCode, 403)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_BODY_TOKENS_REFUSED')
    t.same(events(), ['session/denied/body-tokens-refused'])
  }
  t.equal(issuer.calls.password, 0)
})

t.test('tokens of 4 and 11 KB come in chunks that each fit, and work', async t => {
  for (const paddingBytes of [4000, 11_000]) {
    const { app, issuer } = await buildApp(t)
    issuer.paddingBytes = paddingBytes
    const browser = new Browser(app)
    const response = await browser.logIn()
    t.equal(response.statusCode, 200)
    t.ok(response.cookies.filter(({ name }) => name.startsWith('__Host-sallyport-access.')).length > 1)
    for (const line of [response.headers['set-cookie']].flat()) t.ok(String(line).split(';')[0]!.length - 1 <= 4096)
    t.equal((await browser.get('/orders')).statusCode, 200)
    issuer.paddingBytes = 0
    issuer.nowMs += 400_000
    t.equal((await browser.get('/orders')).statusCode, 200)
    t.same(
      [...browser.cookies.keys()].sort(),
      ['__Host-sallyport-access', '__Host-sallyport-refresh'],
      'the chunks are gone when one cookie is enough'
    )
    t.equal((await browser.get('/orders')).statusCode, 200)
  }
})

t.test('a 16 KB token is a loud error, and its session is ended', async t => {
  const { app, issuer } = await buildApp(t)
  issuer.paddingBytes = 16_384
  const response = await new Browser(app).logIn()
  t.equal(response.statusCode, 500)
  t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_TOO_LARGE')
  t.match(response.json<{ title: string }>().title, /__Host-sallyport-access needs \d+ bytes/)
  t.equal(response.headers['set-cookie'], undefined)
  t.equal(issuer.calls.revoke, 1)
})
