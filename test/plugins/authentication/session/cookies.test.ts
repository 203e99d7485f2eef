import { createCipheriv, randomBytes } from 'node:crypto'
import t from 'tap'
import { Browser, buildApp, codeOf, key, loggedIn } from '../../support/session-app.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'

const ACCESS = '__Host-sallyport-access'
const REFRESH = '__Host-sallyport-refresh'

t.test(
  'S-02: a flipped, cut, lengthened, moved, relabelled or respelled cookie is 401 and both cookies are cleared',
  async t => {
    const { app, issuer, events } = await buildApp(t)
    const browser = await loggedIn(app)
    const access = browser.cookies.get(ACCESS)!
    const refresh = browser.cookies.get(REFRESH)!
    const flip = (value: string, at: number): string =>
      value.slice(0, at) + (value[at] === 'A' ? 'B' : 'A') + value.slice(at + 1)
    const altered: Record<string, [string, string]> = {
      'flipped nonce': [flip(access, 4), refresh],
      'flipped ciphertext': [flip(access, 40), refresh],
      'flipped tag': [flip(access, access.length - 10), refresh],
      'flipped refresh': [access, flip(refresh, 40)],
      'cut by 1': [access.slice(0, -1), refresh],
      'cut to the key id': ['k1.', refresh],
      'cut to nothing': ['', refresh],
      lengthened: [`${access}AAAA`, refresh],
      'moved: the refresh cookie as access cookie': [refresh, refresh],
      swapped: [refresh, access],
      'unknown key id': [access.replace('k1.', 'k2.'), refresh],
      'prototype as key id': [access.replace('k1.', '__proto__.'), refresh],
      'no key id': [access.slice(3), refresh],
      'padding added': [`${access}=`, refresh],
      'foreign character inside': [`${access.slice(0, 20)}!${access.slice(20)}`, refresh],
      quoted: [`"${access}"`, refresh]
    }
    for (const [name, [one, two]] of Object.entries(altered)) {
      const response = await app.inject({ url: '/orders', headers: { cookie: `${ACCESS}=${one}; ${REFRESH}=${two}` } })
      t.equal(response.statusCode, 401, name)
      t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID')
      t.same(
        response.cookies.map(({ name, maxAge }) => [name, maxAge]),
        [
          [ACCESS, 0],
          [REFRESH, 0]
        ]
      )
      t.same(events(), ['session/denied/cookie-invalid', 'authentication/denied/cookie-invalid'])
    }
    t.equal(issuer.calls.refresh, 0)
    t.equal((await browser.get('/orders')).statusCode, 200, 'the untouched cookies still work')
  }
)

t.test('S-02: every single flipped bit of a sealed cookie is refused', async t => {
  const { app } = await buildApp(t)
  const browser = await loggedIn(app)
  const [id, body] = browser.cookies.get(ACCESS)!.split('.')
  const bytes = Buffer.from(body!, 'base64url')
  let accepted = 0
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const response = await app.inject({
      url: '/orders',
      headers: { cookie: `${ACCESS}=${id}.${changed.toString('base64url')}` }
    })
    if (response.statusCode !== 401) accepted++
  }
  t.equal(accepted, 0)
})

t.test('S-02: the same token is sealed differently each time', async t => {
  const { app } = await buildApp(t)
  const seen = new Set<string>()
  for (let login = 0; login < 20; login++) seen.add((await loggedIn(app)).cookies.get(ACCESS)!.slice(3, 19))
  t.equal(seen.size, 20)
})

t.test('S-04, CVE-2023-27495: two cookies of one name are refused with 400, in one header or two', async t => {
  const { app, events } = await buildApp(t)
  const browser = await loggedIn(app)
  const good = browser.cookieHeader()
  for (const twice of [`${good}; ${ACCESS}=tossed`, `${REFRESH}=tossed; ${good}`, `${good}; ${good}`]) {
    const response = await app.inject({ url: '/orders', headers: { cookie: twice } })
    t.equal(response.statusCode, 400)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_DUPLICATED')
    t.equal(events()[0], 'session/denied/cookie-duplicated')
  }
  t.equal(
    (await app.inject({ url: '/orders', headers: { cookie: `theme=a; theme=b; ${good}` } })).statusCode,
    200,
    'other cookies are not our business'
  )
})

t.test('chunks with a gap, or beside the whole cookie, are refused', async t => {
  const { app } = await buildApp(t)
  const browser = await loggedIn(app)
  const access = browser.cookies.get(ACCESS)!
  for (const cookie of [
    `${ACCESS}.1=${access}`,
    `${ACCESS}.0=${access}; ${ACCESS}.2=x`,
    `${ACCESS}=${access}; ${ACCESS}.0=x`
  ]) {
    const response = await app.inject({ url: '/orders', headers: { cookie } })
    t.equal(response.statusCode, 401)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID')
    t.ok(
      response.cookies.some(({ name }) => name.startsWith(`${ACCESS}.`)),
      'the chunks are cleared too'
    )
  }
})

t.test('names of the other mode, and names that only look like ours, are not session cookies', async t => {
  const { app } = await buildApp(t)
  const browser = await loggedIn(app)
  const access = browser.cookies.get(ACCESS)!
  for (const name of ['sallyport-access', '__host-sallyport-access', `${ACCESS}.4`, '__Secure-sallyport-access']) {
    const response = await app.inject({ url: '/orders', headers: { cookie: `${name}=${access}` } })
    t.equal(response.statusCode, 401)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_REQUIRED')
  }
})

t.test('S-05: an unsafe method by cookie needs the same origin or the CSRF header; on by default', async t => {
  const { app, issuer, events } = await buildApp(t)
  const cookie = (await loggedIn(app)).cookieHeader()
  const own = 'http://localhost'
  const cases: [Record<string, string>, number][] = [
    [{}, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:8080' }, 403],
    [{ origin: 'https://localhost' }, 403],
    [{ origin: `${own}.evil.example` }, 403],
    [{ 'sec-fetch-site': 'cross-site', origin: own }, 403],
    [{ 'x-sallyport-csrf': '0' }, 403],
    [{ 'x-sallyport-csrf': '' }, 403],
    [{ referer: `${own}/` }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ origin: own }, 200],
    [{ 'sec-fetch-site': 'none', origin: own }, 200],
    [{ 'x-sallyport-csrf': '1' }, 200]
  ]
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    for (const [headers, status] of cases) {
      const response = await app.inject({ method, url: '/orders', headers: { ...headers, cookie } })
      t.equal(response.statusCode, status, `${method} ${JSON.stringify(headers)}`)
      if (status === 200) continue
      t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_CSRF_REFUSED')
      t.equal(response.headers['set-cookie'], undefined, 'an attack does not log anybody out')
      t.same(events(), ['session/denied/csrf-refused', 'authentication/denied/csrf-refused'])
    }
  }
  t.equal(issuer.calls.refresh, 0)
})

t.test('S-05: a refused cross-site request refreshes nothing', async t => {
  const { app, issuer } = await buildApp(t)
  const browser = await loggedIn(app)
  issuer.nowMs += 301_000
  t.equal(
    (await app.inject({ method: 'POST', url: '/orders', headers: { cookie: browser.cookieHeader() } })).statusCode,
    403
  )
  t.equal(issuer.calls.refresh, 0)
})

t.test('S-05: a safe method needs nothing, but a WebSocket by cookie counts as unsafe', async t => {
  const { app } = await buildApp(t)
  const cookie = (await loggedIn(app)).cookieHeader()
  t.equal((await app.inject({ url: '/orders', headers: { cookie, 'sec-fetch-site': 'cross-site' } })).statusCode, 200)
  const upgrade = { connection: 'upgrade', upgrade: 'websocket' }
  t.equal(
    (await app.inject({ url: '/orders', headers: { cookie, origin: 'https://evil.example', ...upgrade } })).statusCode,
    403
  )
  t.equal(
    (await app.inject({ url: '/orders', headers: { cookie, origin: 'http://localhost', ...upgrade } })).statusCode,
    200
  )
})

t.test('a bearer token is not asked for CSRF protection: no browser adds it by itself', async t => {
  const { app } = await buildApp(t)
  const login = await new Browser(app, {}).logIn({ username: 'customer1', password: 'pass:word', tokens: 'body' })
  const authorization = `Bearer ${login.json<{ accessToken: string }>().accessToken}`
  t.equal((await app.inject({ method: 'POST', url: '/orders', headers: { authorization } })).statusCode, 200)
})

t.test('without a session a script gets a 401 problem and never a redirect, on any method and Accept', async t => {
  const { app } = await buildApp(t)
  for (const method of ['GET', 'POST', 'DELETE'] as const) {
    for (const accept of ['application/json', 'text/html', '*/*']) {
      const response = await app.inject({
        method,
        url: '/orders',
        headers: { accept, 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }
      })
      t.equal(response.statusCode, 401)
      t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
      t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_REQUIRED')
      t.equal(response.headers.location, undefined)
    }
  }
})

t.test('S-02: the access cookie of one session with the refresh cookie of another is 401, and cleared', async t => {
  const { app, issuer, events } = await buildApp(t)
  const [one, other] = [await loggedIn(app), await loggedIn(app)]
  const mixed = (): Browser => {
    const browser = new Browser(app)
    browser.cookies.set(ACCESS, one.cookies.get(ACCESS)!).set(REFRESH, other.cookies.get(REFRESH)!)
    return browser
  }
  for (const passedMs of [0, 301_000]) {
    issuer.nowMs += passedMs
    const response = await mixed().get('/orders')
    t.equal(response.statusCode, 401)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID')
    t.same(
      response.cookies.map(({ name, maxAge }) => [name, maxAge]),
      [
        [ACCESS, 0],
        [REFRESH, 0]
      ]
    )
    t.same(events(), ['session/denied/cookie-mismatched', 'authentication/denied/cookie-mismatched'])
  }
  t.equal(issuer.calls.refresh, 0)
  const logout = await mixed().send({ method: 'POST', url: '/logout' })
  t.equal(logout.statusCode, 204)
  t.same(events(), ['session/denied/cookie-mismatched', 'session/success/logout'])
  t.equal(issuer.calls.revoke, 0)
  t.equal((await one.get('/orders')).statusCode, 200)
  t.equal((await other.get('/orders')).statusCode, 200, 'each session by itself goes on')
})

t.test('cookies of one session stay a pair over refreshes, also when two replicas answer at once', async t => {
  const issuer = new FakeIssuer()
  const [one, two] = [await buildApp(t, { issuer }), await buildApp(t, { issuer })]
  const browser = await loggedIn(one.app)
  issuer.nowMs += 301_000
  const headers = { cookie: browser.cookieHeader() }
  const answers = await Promise.all([one, two].map(async ({ app }) => await app.inject({ url: '/orders', headers })))
  const [first, second] = answers.map(({ cookies }) => new Map(cookies.map(({ name, value }) => [name, value])))
  browser.cookies.set(ACCESS, first!.get(ACCESS)!).set(REFRESH, second!.get(REFRESH)!)
  t.equal((await browser.get('/orders')).statusCode, 200)
  issuer.nowMs += 301_000
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('a cookie that was sealed before cookies were paired is not unsealed: a clean logout', async t => {
  const { app } = await buildApp(t)
  const { id, key: bytes } = key('k1')
  const unpaired = (name: string, purpose: string, token: string): string => {
    const nonce = randomBytes(12)
    const purposeOfOld = Buffer.from(`sallyport session cookie 1\0${id}\0${purpose}\0${name}`)
    const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(purposeOfOld)
    const body = Buffer.concat([nonce, cipher.update(token), cipher.final(), cipher.getAuthTag()])
    return `${name}=${id}.${body.toString('base64url')}`
  }
  const cookie = `${unpaired(ACCESS, 'access', 'an access token')}; ${unpaired(REFRESH, 'refresh', 'a refresh token')}`
  const response = await app.inject({ url: '/orders', headers: { cookie } })
  t.equal(response.statusCode, 401)
  t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_COOKIE_INVALID')
  t.equal(response.cookies.length, 2)
})

t.test('a ring that is a function is asked for each cookie', async t => {
  let keys = [key('k1')]
  const { app } = await buildApp(t, { session: { keys: () => keys } })
  const before = await loggedIn(app)
  keys = [key('k2'), key('k1')]
  t.equal((await before.get('/orders')).statusCode, 200, 'sealed by the older key')
  const after = await loggedIn(app)
  t.match(after.cookies.get(ACCESS), /^k2\./)
  keys = [key('k2')]
  t.equal((await before.get('/orders')).statusCode, 401)
  t.equal((await after.get('/orders')).statusCode, 200)
  await t.rejects(buildApp(t, { session: { keys: () => [] } }), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
    message: /session.keys must have at least one key/
  })
})
