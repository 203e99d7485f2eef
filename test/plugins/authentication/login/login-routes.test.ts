import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import authentication, { loginRoutes } from '@sallyport/authentication'
import securityContext from '@sallyport/security-context'
import Fastify from 'fastify'
import { buildLoginApp, CLIENT_ID, goThroughLogin, NAVIGATION } from '../../../support/login-app.ts'
import { Browser, codeOf, until } from '../../support/session-app.ts'

t.test('S-11: a login goes to the issuer and comes back with a session, to the path that asked for it', async t => {
  const login = await buildLoginApp(t, { login: { scope: 'openid orders:read', parameters: { resource: 'shop-api' } } })
  const browser = login.browser()
  const begun = await browser.get('/login?returnTo=%2Forders%3Fpage%3D2%23top')
  t.equal(begun.statusCode, 303)
  t.equal(begun.headers['cache-control'], 'no-store')
  const asked = Object.fromEntries(login.issuer.asked(String(begun.headers.location)))
  t.match(asked, {
    response_type: 'code',
    client_id: CLIENT_ID,
    redirect_uri: 'http://localhost:80/login/callback'.replace(':80', ''),
    scope: 'openid orders:read',
    resource: 'shop-api',
    state: /^[\w-]{43}$/,
    nonce: /^[\w-]{43}$/,
    code_challenge: /^[\w-]{43}$/,
    code_challenge_method: 'S256'
  })
  const [cookie] = begun.cookies
  t.match(cookie, {
    name: /^__Host-sallyport-login-[\w-]{12}$/,
    httpOnly: true,
    secure: true,
    sameSite: 'Lax',
    path: '/',
    maxAge: 600
  })
  t.notMatch(String(begun.headers['set-cookie']), String(asked['nonce']), 'sealed')

  const ended = await browser.get(login.issuer.authorize(String(begun.headers.location)))
  t.equal(ended.statusCode, 303)
  t.equal(ended.headers.location, '/orders?page=2#top')
  t.equal(ended.headers['cache-control'], 'no-store')
  t.equal(ended.headers['referrer-policy'], 'no-referrer')
  t.same([...browser.cookies.keys()].sort(), ['__Host-sallyport-access', '__Host-sallyport-refresh'])
  t.same(login.reasons(), ['session/success/login-succeeded'])
  const orders = await browser.get('/orders')
  t.same(orders.json(), {
    subject: 'subject-1',
    facts: {
      method: 'issuer',
      authenticatedAtSeconds: login.clock.ms / 1000,
      acr: null,
      amr: ['pwd'],
      username: 'customer1'
    }
  })
  t.same((await browser.get('/orders')).json(), orders.json(), 'also when the session is known')
  t.match((await browser.get('/session', { accept: 'application/json' })).json(), {
    subject: 'subject-1',
    username: 'customer1',
    login: { method: 'issuer', authenticatedAtSeconds: login.clock.ms / 1000, acr: null, amr: ['pwd'] }
  })
})

t.test('what is known of the login outlives a refresh of its session', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const before = browser.cookieHeader()
  login.clock.ms += 299_000
  const { facts } = (await browser.get('/orders')).json<{ facts: unknown }>()
  t.match(facts, { amr: ['pwd'], authenticatedAtSeconds: login.clock.ms / 1000 - 299 })
  t.not(browser.cookieHeader(), before, 'refreshed')
})

t.test('S-11: the end of a login is worth nothing in another browser, twice, late, or with another state', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  const begun = await browser.get('/login')
  const location = String(begun.headers.location)
  const end = login.issuer.authorize(location)

  const stranger = await login.browser().get(end)
  t.equal(stranger.statusCode, 400)
  t.match(stranger.body, 'href="/login"')
  t.same(stranger.cookies, [])
  t.same(login.reasons(), ['session/denied/login-not-begun-here'])

  const state = String(login.issuer.asked(location).get('state'))
  const changed = state.slice(0, 20) + (state[20] === 'A' ? 'B' : 'A') + state.slice(21)
  t.equal((await browser.get(end.replace(state, changed))).statusCode, 400)
  t.same(login.reasons(), ['session/denied/login-not-begun-here'])
  const cookie = browser.cookieHeader()
  t.equal((await browser.get(end)).statusCode, 303)
  login.reasons()

  const replayed = new Browser(login.app, { ...NAVIGATION, cookie })
  const again = await replayed.get(end)
  t.equal(again.statusCode, 400, 'the cookie was kept by somebody; the code is used up')
  t.same(login.reasons(), ['session/denied/login-code-rejected'])
  t.notOk(again.cookies.some(({ name }) => name.endsWith('-access')))

  const late = login.browser()
  const lateEnd = login.issuer.authorize(String((await late.get('/login')).headers.location))
  login.clock.ms += 600_000
  t.equal((await late.get(lateEnd)).statusCode, 400)
  t.same(login.reasons(), ['session/denied/login-took-too-long'])
  t.equal(late.cookies.size, 0, 'its cookie goes')
})

t.test('a cookie of a login that was tossed in twice, or moved to another name, is no login', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  const end = login.issuer.authorize(String((await browser.get('/login')).headers.location))
  const cookie = browser.cookieHeader()
  t.equal((await new Browser(login.app, { ...NAVIGATION, cookie: `${cookie}; ${cookie}` }).get(end)).statusCode, 400)
  const other = login.browser()
  const otherEnd = login.issuer.authorize(String((await other.get('/login')).headers.location))
  const [moved = ''] = other.cookies.keys()
  const [, value = ''] = cookie.split('=')
  t.equal((await new Browser(login.app, { ...NAVIGATION, cookie: `${moved}=${value}` }).get(otherEnd)).statusCode, 400)
  t.same(new Set(login.reasons()), new Set(['session/denied/login-not-begun-here']))
})

t.test('five tabs can log in at once; the oldest makes room for a sixth, and long paths make room sooner', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  const ends: string[] = []
  for (let tab = 0; tab < 6; tab++) {
    const begun = await browser.get(`/login?returnTo=/tab/${tab}`)
    ends.push(login.issuer.authorize(String(begun.headers.location)))
    login.clock.ms += 1000
  }
  t.equal(browser.cookies.size, 5)
  const answers: unknown[] = []
  for (const end of ends) answers.push((await browser.get(end)).headers.location)
  t.same(answers, [undefined, '/tab/1', '/tab/2', '/tab/3', '/tab/4', '/tab/5'])

  const long = login.browser()
  for (let tab = 0; tab < 5; tab++) {
    await long.get(`/login?returnTo=/${String(tab).repeat(1000)}`)
    t.ok(long.cookieHeader().length <= 4096 + 10)
    login.clock.ms += 1000
  }
  t.equal(long.cookies.size, 2)
})

t.test('S-14: a login that a script, a frame or a form begins is refused', async t => {
  const login = await buildLoginApp(t)
  for (const headers of [
    { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
  ]) {
    const response = await login.app.inject({ url: '/login', headers })
    t.equal(response.statusCode, 403)
    t.equal(codeOf(response), 'SALLYPORT_AUTHENTICATION_LOGIN_NOT_NAVIGATED')
    t.same(login.reasons(), ['session/denied/login-not-navigated'])
  }
  t.equal((await login.app.inject('/login')).statusCode, 303, 'a client without fetch metadata may be anything')
  t.equal((await login.app.inject({ method: 'HEAD', url: '/login', headers: NAVIGATION })).statusCode, 404)
})

t.test('only prompt, login_hint, ui_locales, max_age and acr_values pass, in their form', async t => {
  const login = await buildLoginApp(t)
  const query = {
    prompt: 'login',
    login_hint: '홍길동@example',
    ui_locales: 'ko-KR en',
    max_age: '60',
    acr_values: 'urn:a b'
  }
  const begun = await login
    .browser()
    .get(`/login?${new URLSearchParams({ ...query, scope: 'admin', claims: '{}', state: 'x' }).toString()}`)
  const asked = Object.fromEntries(login.issuer.asked(String(begun.headers.location)))
  t.match(asked, { ...query, scope: 'openid' })
  t.equal(asked['claims'], undefined)
  t.not(asked['state'], 'x')
  for (const wrong of [
    'prompt=none',
    'prompt=login%20consent',
    'login_hint=a%0Ab',
    `login_hint=${'x'.repeat(257)}`,
    'ui_locales=en_US',
    'ui_locales=en%20%20ko',
    'max_age=-1',
    'max_age=1e3',
    'acr_values=%22',
    'prompt=login&prompt=consent'
  ]) {
    const response = await login.app.inject(`/login?${wrong}`)
    t.equal(response.statusCode, 400, wrong)
    t.equal(codeOf(response), 'SALLYPORT_CONTEXT_REQUEST_INVALID')
  }
  t.same(
    login.issuer.requests.filter(({ path }) => path === '/par'),
    []
  )
})

t.test('requests are pushed where the issuer takes that, and the browser carries a reference only', async t => {
  const login = await buildLoginApp(t, { metadata: { par: true } })
  const browser = login.browser()
  const begun = await browser.get('/login?login_hint=me')
  const carried = new URL(String(begun.headers.location)).searchParams
  t.same([...carried.keys()].sort(), ['client_id', 'request_uri'])
  const push = login.issuer.requests.find(({ path }) => path === '/par')
  t.equal(push?.form.get('login_hint'), 'me')
  t.match(push?.authorization, /^Basic /)
  t.equal((await browser.get(login.issuer.authorize(String(begun.headers.location)))).headers.location, '/')

  login.issuer.tricks = {
    answer: ({ path }, response) => {
      if (path !== '/par') return false
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_request"}')
      return true
    }
  }
  const refused = await browser.get('/login')
  t.equal(refused.statusCode, 503)
  t.match(refused.headers['content-type'], 'text/html')
  t.match(refused.body, 'href="/login?returnTo=%2F"')
  t.match(login.reasons(), ['session/success/login-succeeded', 'session/failure/login-unavailable'])
})

t.test('a client with a key signs its assertions for the issuer', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const login = await buildLoginApp(t, {
    client: { clientKey: { keyId: 'shop-1', algorithm: 'ES256', privateKey } },
    metadata: { token_endpoint_auth_methods_supported: ['private_key_jwt'] }
  })
  t.equal((await goThroughLogin(login, login.browser())).statusCode, 303)
  const sent = login.issuer.requests.find(({ path }) => path === '/token')
  t.equal(sent?.authorization, undefined)
  t.equal(sent?.form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  const keys = createLocalJWKSet({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'shop-1', alg: 'ES256' }] })
  const { payload } = await jwtVerify(sent?.form.get('client_assertion') ?? '', keys, {
    issuer: CLIENT_ID,
    subject: CLIENT_ID,
    audience: login.issuer.origin,
    currentDate: new Date(login.clock.ms)
  })
  t.ok(Number(payload.exp) - Number(payload.iat) <= 60)
})

t.test('what the issuer refuses becomes a page with a way back to the same path', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  const begun = await browser.get('/login?returnTo=/orders')
  const end = login.issuer.authorize(String(begun.headers.location), {
    code: null,
    error: 'access_denied',
    error_description: '<script>alert(1)</script>'
  })
  const answer = await browser.get(end)
  t.equal(answer.statusCode, 400)
  t.match(answer.headers['content-type'], 'text/html')
  t.match(answer.headers['content-security-policy'], "default-src 'none'")
  t.match(answer.body, 'href="/login?returnTo=%2Forders"')
  t.notMatch(answer.body, 'script')
  t.equal(browser.cookies.size, 0)
  t.same(login.reasons(), ['session/denied/login-refused-by-issuer'])
  const json = await login.app.inject('/login/callback?error=access_denied&state=x')
  t.equal(codeOf(json), 'SALLYPORT_AUTHENTICATION_LOGIN_REFUSED', 'a program gets a problem')
})

t.test('S-07: a login ends the session that it takes the place of', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const before = new Map(browser.cookies)
  await goThroughLogin(login, browser)
  for (const [name, value] of before) t.not(browser.cookies.get(name), value)
  const revoked = () =>
    login.issuer.requests.filter(({ path }) => path === '/revoke').map(({ form }) => form.get('token'))
  await until(() => revoked().length > 0)
  t.match(revoked(), [/^refresh-/])
})

t.test('with strict cookies the browser is led on by a page, because a redirect would not bring them', async t => {
  const login = await buildLoginApp(t, { session: { sameSite: 'strict' } })
  const browser = login.browser()
  const answer = await goThroughLogin(login, browser, '/login?returnTo=/orders?a=1%26b=2')
  t.equal(answer.statusCode, 200)
  t.match(answer.body, '<meta http-equiv="refresh" content="0; url=/orders?a=1&amp;b=2">')
  t.match(
    answer.cookies.find(({ name }) => name.endsWith('-access')),
    { sameSite: 'Strict' }
  )
})

t.test('an own origin is chosen by the host; under another name the login begins at the first one', async t => {
  const login = await buildLoginApp(t, { session: { origins: ['https://shop.example', 'https://laden.example'] } })
  const at = async (host: string) =>
    await login.app.inject({ url: '/login?returnTo=/a', headers: { ...NAVIGATION, host } })
  const asked = (location: unknown) => login.issuer.asked(String(location)).get('redirect_uri')
  t.equal(asked((await at('laden.example')).headers.location), 'https://laden.example/login/callback')
  const elsewhere = await at('127.0.0.1')
  t.equal(elsewhere.headers.location, 'https://shop.example/login?returnTo=/a')
  t.same(elsewhere.cookies, [])
})

t.test('mistakes in the options are listed at boot', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  const client = { issuer: async () => {}, authorizationUrl: async () => '', redeem: async () => {} }
  await app.register(authentication, {
    strategies: [{ name: 'own', challenge: null, authenticate: () => ({ kind: 'not-applicable' }) }]
  })
  await t.rejects(
    async () => await app.register(loginRoutes, { client: client as never }),
    /needs @sallyport\/authentication with its session option/
  )
  const broken = Fastify()
  t.after(() => broken.close())
  await t.rejects(
    async () =>
      await broken.register(loginRoutes, {
        client: {} as never,
        scope: 'profile',
        parameters: { state: 'x' },
        algorithms: ['HS256'],
        defaultPath: '//elsewhere.example',
        lifetimeSeconds: 0
      }),
    /client.*scope.*parameters.*algorithms.*lifetimeSeconds.*defaultPath/s
  )
})

t.test('a question mark within the answer of the issuer takes nothing from it', async t => {
  const login = await buildLoginApp(t)
  const browser = login.browser()
  const begun = await browser.get('/login?returnTo=/orders')
  const [path, query = ''] = login.issuer.authorize(String(begun.headers.location)).split('?')
  const ended = await browser.get(`${path}?session_state=a?b&${query}`)
  t.equal(ended.headers.location, '/orders')
})
