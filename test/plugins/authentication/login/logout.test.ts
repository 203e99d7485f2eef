import t from 'tap'
import { buildLoginApp, goThroughLogin, NAVIGATION, type LoginApp } from '../../../support/login-app.ts'
import { Browser } from '../../support/session-app.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }

async function startApp(t: Parameters<typeof buildLoginApp>[0], end = true): Promise<LoginApp> {
  return await buildLoginApp(t, { metadata: { end } })
}

const post = async (browser: Browser, form: Record<string, string>, headers: Record<string, string> = {}) =>
  await browser.send({
    method: 'POST',
    url: '/logout',
    headers: { ...FORM, ...headers },
    payload: new URLSearchParams(form).toString()
  })

t.test('S-16: a form ends the session here and leads to the issuer, which leads back to the path', async t => {
  const login = await startApp(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const answer = await post(browser, { returnTo: '/orders?page=2' })
  t.equal(answer.statusCode, 303)
  t.equal(browser.cookies.size, 0)
  t.ok(login.issuer.requests.some(({ path }) => path === '/revoke'))
  const leaving = new URL(String(answer.headers.location))
  t.equal(leaving.origin + leaving.pathname, `${login.issuer.origin}/end-session`)
  const asked = leaving.searchParams
  t.same([...asked.keys()].sort(), ['client_id', 'logout_hint', 'post_logout_redirect_uri', 'state'])
  t.same([asked.get('client_id'), asked.get('logout_hint')], ['shop', 'subject-1'])
  t.equal(asked.get('post_logout_redirect_uri'), 'http://localhost/logout/callback')
  const state = asked.get('state') ?? ''
  const back = await browser.get(`/logout/callback?${new URLSearchParams({ state }).toString()}`)
  t.equal(back.statusCode, 303)
  t.equal(back.headers.location, '/orders?page=2')
  t.match(login.reasons(), ['session/success/login-succeeded', 'session/success/logout'])
})

t.test(
  'a logout at an issuer that revokes nothing ends the session here, leads on, and says so in the trail',
  async t => {
    const login = await buildLoginApp(t, { metadata: { end: true, revocation_endpoint: undefined } })
    const browser = login.browser()
    await goThroughLogin(login, browser)
    const answer = await post(browser, { returnTo: '/orders' })
    t.equal(answer.statusCode, 303)
    t.match(answer.headers.location, `${login.issuer.origin}/end-session?`)
    t.equal(browser.cookies.size, 0)
    t.same(login.reasons().slice(1), ['session/failure/logout-not-revoked', 'session/success/logout'])
    const away = await startApp(t)
    const other = away.browser()
    await goThroughLogin(away, other)
    away.issuer.tricks = {
      answer: ({ path }, response) => path === '/revoke' && response.writeHead(503).end() !== null
    }
    t.equal((await post(other, {})).statusCode, 503, 'one that cannot be reached may revoke later')
  }
)

t.test('S-13: a logout leads nowhere that nobody sealed here', async t => {
  const login = await startApp(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const elsewhere = await post(browser, { returnTo: '//elsewhere.example' })
  t.equal(elsewhere.statusCode, 400)
  t.match(elsewhere.body, '<code>SALLYPORT_AUTHENTICATION_RETURN_PATH_INVALID</code>')
  t.equal(browser.cookies.size, 2, 'and nobody is logged out')
  const leaving = new URL(String((await post(browser, {})).headers.location))
  t.equal(leaving.searchParams.get('state'), null)
  for (const query of ['', '?state=%2Forders', '?state=k1.AAAA', '?state=https%3A%2F%2Felsewhere.example']) {
    const back = await browser.get(`/logout/callback${query}`)
    t.equal(back.statusCode, 200, query)
    t.match(back.body, 'You are not logged in here any more.')
    t.match(back.headers['content-security-policy'], "default-src 'none'")
  }
})

t.test(
  'the page of a session says that its form leads on to the issuer, and one without such a place leads nowhere',
  async t => {
    const login = await startApp(t)
    const browser = login.browser()
    await goThroughLogin(login, browser)
    const page = await browser.get('/session')
    t.match(page.body, '<form method="post" action="/logout">')
    t.match(page.headers['content-security-policy'], `form-action 'self' ${login.issuer.origin};`)
    const leaving = await post(browser, {})
    t.match(leaving.headers.location, `${login.issuer.origin}/end-session`, 'where the form leads')

    const without = await startApp(t, false)
    const other = without.browser()
    await goThroughLogin(without, other)
    t.match((await other.get('/session')).headers['content-security-policy'], "form-action 'self';")
    const ended = await post(other, {})
    t.equal(ended.statusCode, 200)
    t.match(ended.body, 'You are not logged in here any more.', 'a browser would stay where it is after a 204')
    t.equal(other.cookies.size, 0)
  }
)

t.test('a script is told where to go on when it asks for a way back, and gets 204 otherwise', async t => {
  const login = await startApp(t)
  const script = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'application/json' }
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const told = await post(browser, { returnTo: '/' }, script)
  t.equal(told.statusCode, 200)
  t.match(told.json(), { continueAt: `${login.issuer.origin}/end-session?client_id=shop` })
  await goThroughLogin(login, browser)
  t.equal((await post(browser, {}, script)).statusCode, 204)
  await goThroughLogin(login, browser)
  t.equal((await post(browser, {}, { 'sec-fetch-site': 'cross-site' })).statusCode, 403, 'a foreign page ends nothing')
})

t.test('where the issuer has no such place, or is away, the logout is here and leads to the path', async t => {
  const login = await startApp(t, false)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  t.equal((await post(browser, { returnTo: '/bye' })).headers.location, '/bye')
  await goThroughLogin(login, browser)
  const ended = await post(browser, {})
  t.equal(ended.statusCode, 200)
  t.match(ended.body, 'You are not logged in here any more.')
  const nobody = new Browser(login.app, NAVIGATION)
  t.equal((await post(nobody, { returnTo: '/bye' })).headers.location, '/bye', 'whoever is logged out already')
})

t.test(
  'whoever logs out and in again at an issuer that keeps its session is in, and the old cookies stay out',
  async t => {
    const login = await startApp(t)
    const sameSession = { idClaims: { sid: 'sso-1' }, accessClaims: { sid: 'sso-1' } }
    login.issuer.tricks = sameSession
    const browser = login.browser()
    await goThroughLogin(login, browser)
    const copied = new Browser(login.app, { ...NAVIGATION, accept: 'application/json' })
    for (const [name, value] of browser.cookies) copied.cookies.set(name, value)
    t.equal((await copied.get('/orders')).statusCode, 200)
    await post(browser, { returnTo: '/' })
    await goThroughLogin(login, browser)
    t.equal((await browser.get('/orders')).statusCode, 200, 'the session at the issuer is the same')
    t.equal((await copied.get('/orders')).statusCode, 401)
    t.equal((await browser.get('/orders')).statusCode, 200)
  }
)

t.test('a login in the place of another ends that one here at once, whatever session the issuer says', async t => {
  const login = await startApp(t)
  login.issuer.tricks = { idClaims: { sid: 'sso-1' }, accessClaims: { sid: 'sso-1' } }
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const copied = new Browser(login.app, { ...NAVIGATION, accept: 'application/json' })
  for (const [name, value] of browser.cookies) copied.cookies.set(name, value)
  await goThroughLogin(login, browser)
  t.equal((await copied.get('/orders')).statusCode, 401)
  t.equal((await browser.get('/orders')).statusCode, 200)
})
