// The sessions of a person, listed and ended over whichever directory there is, for programs and as pages.
import { memorySessionStore } from '@sallyport/authentication/session-stores'
import t, { type Test } from 'tap'
import { deviceName } from '../../../../plugins/authentication/src/session/device-name.ts'
import { FakeIssuer } from '../../support/fake-issuer.ts'
import { Browser, buildApp, codeOf, loggedIn } from '../../support/session-app.ts'
import { directoryOfIssuer } from '../support/issuer-directory.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
const PAGE = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const FORM = { ...PAGE, 'content-type': 'application/x-www-form-urlencoded' }

interface Listed {
  readonly sessions: ReadonlyArray<{ readonly sessionId: string; readonly device: string; readonly current: boolean }>
}

const KEEPERS = {
  'the store of the app': () => ({ session: { stored: { store: memorySessionStore() } } }),
  'a directory': (issuer: FakeIssuer) => ({ directory: directoryOfIssuer(issuer) })
}

async function startPeople(t: Test, keeper: keyof typeof KEEPERS) {
  const issuer = new FakeIssuer()
  issuer.users.set('other', { password: 'other', roles: [] })
  const world = await buildApp(t, { issuer, ...KEEPERS[keeper](issuer) })
  const logIn = async (userAgent: string, payload?: Record<string, unknown>): Promise<Browser> => {
    const browser = new Browser(world.app, { 'sec-fetch-site': 'same-origin', 'user-agent': userAgent })
    await browser.logIn(payload)
    issuer.nowMs += 1000
    return browser
  }
  const here = await logIn(FIREFOX)
  const there = await logIn(SAFARI)
  const stranger = await logIn(FIREFOX, { username: 'other', password: 'other' })
  return { ...world, here, there, stranger }
}

const alive = async (browser: Browser): Promise<boolean> => (await browser.get('/orders')).statusCode === 200

for (const keeper of ['the store of the app', 'a directory'] as const) {
  t.test(`S-10: a user lists their sessions and ends one, over ${keeper}`, async t => {
    const { here, there, stranger, events } = await startPeople(t, keeper)
    const { sessions } = (await here.get('/sessions')).json<Listed>()
    t.equal(sessions.length, 2)
    if (keeper === 'the store of the app') {
      t.same(
        sessions.map(({ device, current }) => [device, current]),
        [
          ['Safari on iPhone', false],
          ['Firefox on Linux', true]
        ]
      )
    }
    const other = sessions.find(({ current }) => !current)?.sessionId ?? ''
    const refused = await stranger.send({ method: 'DELETE', url: `/sessions/${other}` })
    t.equal(refused.statusCode, 404)
    t.equal(codeOf(refused), 'SALLYPORT_AUTHENTICATION_SESSION_NOT_FOUND')
    t.ok(await alive(there))
    t.equal((await here.send({ method: 'DELETE', url: `/sessions/${other}` })).statusCode, 204)
    t.match(events(), ['authentication/success/authenticated', 'session/success/session-ended'])
    t.same([await alive(here), await alive(there), await alive(stranger)], [true, false, true])
  })

  t.test(`S-10: the same as a page with buttons, over ${keeper}`, async t => {
    const { here, there, stranger } = await startPeople(t, keeper)
    const listed = await here.get('/sessions', PAGE)
    t.equal(listed.statusCode, 200)
    t.match(listed.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    t.match(listed.headers['content-security-policy'], "default-src 'none'")
    t.match(listed.body, '<title>Your sessions</title>')
    t.equal(listed.body.split('name="sessionId"').length - 1, 2)
    const ids = [...listed.body.matchAll(/name="sessionId" value="([^"]+)"/g)].map(([, id]) => id ?? '')
    const { sessions } = (await here.get('/sessions')).json<Listed>()
    t.same(ids.sort(), sessions.map(({ sessionId }) => sessionId).sort())
    const other = sessions.find(({ current }) => !current)?.sessionId ?? ''
    const press = async (browser: Browser, payload: string, headers: Record<string, string> = {}) =>
      await browser.send({ method: 'POST', url: '/sessions/end', headers: { ...FORM, ...headers }, payload })

    t.equal((await press(here, `sessionId=${other}`, { 'sec-fetch-site': 'cross-site' })).statusCode, 403)
    t.equal((await press(here, '')).statusCode, 400)
    t.equal((await press(here, `sessionId=${other}&all=yes`)).statusCode, 400)
    t.equal((await press(stranger, `sessionId=${other}`)).statusCode, 404)
    t.ok(await alive(there))
    const ended = await press(here, `sessionId=${other}`)
    t.same([ended.statusCode, ended.headers.location], [303, '/sessions'])
    t.same([await alive(here), await alive(there)], [true, false])
    const all = await press(here, 'all=yes')
    t.equal(all.statusCode, 200)
    t.match(all.body, 'You are not logged in here any more.')
    t.equal(here.cookies.size, 0)
    t.ok(await alive(stranger))
    t.equal((await press(stranger, 'all=yes', { accept: 'application/json' })).statusCode, 204)
  })

  t.test(`a logout everywhere ends every session of the person, over ${keeper}`, async t => {
    const { here, there, stranger, issuer, events } = await startPeople(t, keeper)
    issuer.nowMs += 301_000
    const logout = await here.send({ method: 'POST', url: '/logout', payload: { everywhere: 'yes' } })
    t.equal(logout.statusCode, 204, logout.body)
    t.match(events(), ['session/success/all-sessions-ended', 'session/success/logout'])
    t.same([await alive(here), await alive(there), await alive(stranger)], [false, false, true])
    t.equal((await stranger.send({ method: 'POST', url: '/logout', payload: { everywhere: true } })).statusCode, 400)
  })
}

t.test('a logout everywhere that cannot be completed says so', async t => {
  const away = async (): Promise<never> => {
    throw new Error('away')
  }
  const { app, issuer } = await buildApp(t, { directory: { list: away, end: away, endAll: away } })
  const browser = await loggedIn(app)
  const cookie = browser.cookieHeader()
  const logout = await browser.send({ method: 'POST', url: '/logout', payload: { everywhere: 'yes' } })
  t.equal(logout.statusCode, 503)
  t.equal(codeOf(logout), 'SALLYPORT_AUTHENTICATION_LOGOUT_INCOMPLETE')
  t.equal(browser.cookies.size, 0)
  t.equal((await app.inject({ url: '/orders', headers: { cookie } })).statusCode, 401, 'its own session has ended')
  t.equal(issuer.revoked.length, 1)
})

t.test('a person whose form is refused reads why on a page in their language, with a way back', async t => {
  const { here, stranger, issuer } = await startPeople(t, 'the store of the app')
  const post = async (browser: Browser, url: string, payload: string, headers: Record<string, string> = {}) =>
    await browser.send({ method: 'POST', url, headers: { ...FORM, ...headers }, payload })
  const gone = await post(stranger, '/sessions/end', 'sessionId=unknown')
  t.equal(gone.statusCode, 404)
  t.match(gone.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  t.match(gone.body, 'This session has ended already.')
  t.match(gone.body, 'SALLYPORT_AUTHENTICATION_SESSION_NOT_FOUND')
  t.match(gone.body, '<a href="/session">')
  const forged = await post(here, '/sessions/end', 'all=yes', {
    'sec-fetch-site': 'cross-site',
    'accept-language': 'ko'
  })
  t.equal(forged.statusCode, 403)
  t.match(forged.body, '<html lang="ko">')
  t.match(forged.body, '요청을 받아들일 수 없습니다')
  issuer.revokeTrouble = 'unavailable'
  const incomplete = await post(here, '/logout', '')
  t.equal(incomplete.statusCode, 503)
  t.ok(incomplete.headers['retry-after'])
  t.match(incomplete.body, 'You are logged out here, but perhaps not everywhere.')
  const program = await post(stranger, '/sessions/end', 'sessionId=unknown', { accept: 'application/json' })
  t.equal(codeOf(program), 'SALLYPORT_AUTHENTICATION_SESSION_NOT_FOUND')
})

t.test('a client that holds its tokens logs out everywhere by its refresh token', async t => {
  const { app, issuer, there, stranger, events } = await startPeople(t, 'a directory')
  const { refreshToken } = await issuer.tokenClient.password({ username: 'customer1', password: 'pass:word' })
  const post = async (payload: object) => await app.inject({ method: 'POST', url: '/logout', payload })
  t.equal((await post({ refreshToken, everywhere: 'yes' })).statusCode, 204)
  t.match(events(), ['session/success/all-sessions-ended', 'session/success/logout'])
  t.same([await alive(there), await alive(stranger)], [false, true])
})

t.test('nobody is said to have ended all sessions who had none', async t => {
  const { app, events } = await startPeople(t, 'a directory')
  const logout = await app.inject({ method: 'POST', url: '/logout', payload: { everywhere: 'yes' } })
  t.equal(logout.statusCode, 204)
  t.same(events(), ['session/success/logout'])
})

t.test('the list of the store is for callers with a session of it', async t => {
  const { app, issuer } = await startPeople(t, 'the store of the app')
  const { accessToken } = await issuer.tokenClient.password({ username: 'customer1', password: 'pass:word' })
  const asked = await app.inject({ url: '/sessions', headers: { authorization: `Bearer ${accessToken}` } })
  t.equal(asked.statusCode, 401)
})

t.test('GET /session says who, until when and by which login, as a page too', async t => {
  const { here, issuer } = await startPeople(t, 'the store of the app')
  const shown = (await here.get('/session')).json<{ sessionExpiresAtSeconds: number; login: { method: string } }>()
  t.equal(shown.login.method, 'password')
  t.ok(shown.sessionExpiresAtSeconds * 1000 > issuer.nowMs)
  const page = await here.get('/session', PAGE)
  t.match(page.body, /<title>Your session<\/title>[^]*<dd>customer1<\/dd>[^]*<dd>password<\/dd>/)
  t.match(page.body, 'action="/logout"')
  t.match(page.body, 'href="/sessions"')
  const { app } = await buildApp(t)
  t.notMatch((await (await loggedIn(app)).get('/session', PAGE)).body, 'href="/sessions"', 'nobody lists them here')
})

t.test('what a user agent says is text on the page and nothing else', async t => {
  const { app } = await startPeople(t, 'the store of the app')
  const browser = new Browser(app, {
    'sec-fetch-site': 'same-origin',
    'user-agent': '<script>alert(1)</script> Windows'
  })
  await browser.logIn()
  const page = await browser.get('/sessions', PAGE)
  t.notMatch(page.body, '<script>')
  t.match(page.body, 'A browser on Windows')
})

const AGENTS: Record<string, readonly [string | null, string | null]> = {
  [FIREFOX]: ['Firefox', 'Linux'],
  [SAFARI]: ['Safari', 'iPhone'],
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0':
    ['Edge', 'Windows'],
  'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36':
    ['Samsung Internet', 'Android'],
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36':
    ['Chrome', 'macOS'],
  'curl/8.11.0': ['curl', null],
  'okhttp/4.12.0 (Android 14)': ['okhttp', 'Android'],
  '': [null, null],
  '/////': [null, null],
  '<b>x</b>/1': [null, null],
  [`Mozilla/5.0 ${' '.repeat(512)} Firefox/1 Windows`]: [null, null]
}

t.test('a device has the name that people know it by', async t => {
  for (const [agent, [browser, system]] of Object.entries(AGENTS)) t.same(deviceName(agent), { browser, system }, agent)
  t.same(deviceName(null), { browser: null, system: null })
})

t.test('a time that no calendar has is left out of the page', async t => {
  const { app, issuer } = await buildApp(t)
  issuer.accessSeconds = 1e15
  const browser = await loggedIn(app)
  const page = await browser.get('/session', PAGE)
  t.equal(page.statusCode, 200)
  t.match(page.body, '<dd>customer1</dd>')
})
