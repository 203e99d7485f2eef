// The issuer tells which sessions have ended. Everything that is not its word, or says something else, ends nothing.
import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { memorySessionStore, type SessionStore } from '@sallyport/authentication/session-stores'
import t, { type Test } from 'tap'
import { buildLoginApp, goThroughLogin, type LoginApp, type LoginAppOptions } from '../../../support/login-app.ts'
import { codeOf } from '../../support/session-app.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const HANDLE_COOKIE = '__Host-sallyport-session'

async function startShop(t: Test, more: LoginAppOptions = {}) {
  const store = memorySessionStore()
  const login = await buildLoginApp(t, {
    session: { stored: { store, schedule: () => ({ stop: () => {} }) } },
    login: { backchannelLogout: true },
    ...more
  })
  login.issuer.tricks = { idClaims: { sid: 'sid-1' } }
  return login
}

/** Claims of a good logout token; `undefined` takes one away. */
function noticeClaims({ clock, issuer }: LoginApp, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(clock.ms / 1000)
  return {
    iss: issuer.origin,
    aud: 'shop',
    iat: now,
    exp: now + 120,
    jti: randomUUID(),
    sub: 'subject-1',
    sid: 'sid-1',
    events: { [EVENT]: {} },
    client_id: undefined,
    scope: undefined,
    roles: undefined,
    ...changes
  }
}

function noticeToken(
  login: LoginApp,
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {}
): string {
  return login.issuer.kit.token(noticeClaims(login, changes), { typ: 'logout+jwt', ...header })
}

const notify = async ({ app }: LoginApp, logoutToken: string, more: Record<string, string> = {}) =>
  await app.inject({
    method: 'POST',
    url: '/logout/backchannel',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ logout_token: logoutToken, ...more }).toString()
  })

for (const [which, changes] of Object.entries({
  'by session and subject': {},
  'by session alone': { sub: undefined },
  'by subject alone': { sid: undefined }
})) {
  t.test(`S-18: a notice of the issuer ends the session ${which}`, async t => {
    const login = await startShop(t)
    const browser = login.browser()
    t.equal((await goThroughLogin(login, browser)).statusCode, 303)
    t.same([...browser.cookies.keys()], [HANDLE_COOKIE])
    t.equal((await browser.get('/orders')).statusCode, 200)
    login.reasons()
    const answer = await notify(login, noticeToken(login, changes), { other: 'is nothing to us' })
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.body, '')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.same(login.events.at(-1)?.detail, { sessions: 1 })
    t.same(login.reasons(), ['session/success/logout-by-issuer'])
    t.equal((await browser.get('/orders', { accept: 'application/json' })).statusCode, 401)
    t.notOk(
      login.issuer.requests.some(({ path }) => path === '/revoke'),
      'the issuer ended its tokens itself'
    )
  })
}

t.test('a notice ends the sessions that it names and no others, and one for nobody is fine too', async t => {
  const login = await startShop(t)
  const [one, other] = [login.browser(), login.browser()]
  await goThroughLogin(login, one)
  login.issuer.tricks = { idClaims: { sid: 'sid-2' } }
  await goThroughLogin(login, other)
  for (const changes of [{ sid: 'sid-3' }, { sub: 'subject-2' }, { sub: 'subject-2', sid: undefined }]) {
    t.equal((await notify(login, noticeToken(login, changes))).statusCode, 200)
  }
  t.equal((await one.get('/orders')).statusCode, 200)
  t.equal((await notify(login, noticeToken(login, {}))).statusCode, 200)
  t.equal((await one.get('/orders', { accept: 'application/json' })).statusCode, 401)
  t.equal((await other.get('/orders')).statusCode, 200)
})

t.test('a notice counts once: a replay does not end the session that began since', async t => {
  const login = await startShop(t)
  const token = noticeToken(login)
  t.equal((await notify(login, token)).statusCode, 200)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  login.reasons()
  const replay = await notify(login, token)
  t.equal(replay.statusCode, 400)
  t.equal(codeOf(replay), 'SALLYPORT_AUTHENTICATION_LOGOUT_TOKEN_INVALID')
  t.same(login.reasons(), ['session/denied/logout-token-replayed'])
  t.equal((await browser.get('/orders')).statusCode, 200)
})

const NOW_SECONDS = Date.UTC(2026, 10, 26, 12) / 1000
const HOSTILE: Record<string, readonly [reason: string, make: (login: LoginApp) => string]> = {
  'is no JWT': ['malformed', () => 'nothing'],
  'has no typ': ['type', login => noticeToken(login, {}, { typ: undefined })],
  'has the typ of an id_token': ['type', login => noticeToken(login, {}, { typ: 'JWT' })],
  'has the typ of an access token': ['type', login => noticeToken(login, {}, { typ: 'at+jwt' })],
  'is unsecured': [
    'malformed',
    login => `${encoded({ typ: 'logout+jwt', alg: 'none' })}.${encoded(noticeClaims(login))}.`
  ],
  'says that it is unsecured': ['algorithm', login => noticeToken(login, {}, { alg: 'none' })],
  'is signed with HMAC': [
    'algorithm',
    login => {
      const input = `${encoded({ typ: 'logout+jwt', alg: 'HS256', kid: 'k1' })}.${encoded(noticeClaims(login))}`
      return `${input}.${createHmac('sha256', 'shop-secret').update(input).digest('base64url')}`
    }
  ],
  'names a key that is not published': ['key-unknown', login => noticeToken(login, {}, { kid: 'other' })],
  'names no key': ['key-unknown', login => noticeToken(login, {}, { kid: undefined })],
  'is signed with a key of somebody else': [
    'signature',
    login => {
      const [header = '', claims = ''] = noticeToken(login).split('.')
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const signature = sign('sha256', Buffer.from(`${header}.${claims}`), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363'
      })
      return `${header}.${claims}.${signature.toString('base64url')}`
    }
  ],
  'is of another issuer': ['issuer', login => noticeToken(login, { iss: 'https://other.example' })],
  'has no issuer': ['issuer', login => noticeToken(login, { iss: undefined })],
  'is for another client': ['audience', login => noticeToken(login, { aud: 'other' })],
  'is for another client too': ['audience', login => noticeToken(login, { aud: ['shop', 'other'] })],
  'is for nobody': ['audience', login => noticeToken(login, { aud: undefined })],
  'has no iat': ['times', login => noticeToken(login, { iat: undefined })],
  'has an exp that is no number': ['times', login => noticeToken(login, { exp: 'never' })],
  'is from the future': ['not-yet-valid', login => noticeToken(login, { iat: NOW_SECONDS + 6 })],
  'has expired': ['expired', login => noticeToken(login, { iat: NOW_SECONDS - 120, exp: NOW_SECONDS - 5 })],
  'is old, whatever its expiry': [
    'expired',
    login => noticeToken(login, { iat: NOW_SECONDS - 305, exp: NOW_SECONDS + 86_400 })
  ],
  'has no events': ['events', login => noticeToken(login, { events: undefined })],
  'has another event': ['events', login => noticeToken(login, { events: { 'https://other.example': {} } })],
  'has the event as a text': ['events', login => noticeToken(login, { events: EVENT })],
  'has an event that is no object': ['events', login => noticeToken(login, { events: { [EVENT]: true } })],
  'has a nonce': ['nonce', login => noticeToken(login, { nonce: 'n' })],
  'has a nonce that is null': ['nonce', login => noticeToken(login, { nonce: null })],
  'has no jti': ['id', login => noticeToken(login, { jti: undefined })],
  'has an empty jti': ['id', login => noticeToken(login, { jti: '' })],
  'names neither session nor subject': ['subject', login => noticeToken(login, { sub: undefined, sid: undefined })],
  'has a subject that is no text': ['subject', login => noticeToken(login, { sub: ['subject-1'], sid: undefined })],
  'has a session that is no text': ['subject', login => noticeToken(login, { sid: { $ne: '' } })]
}

t.test('a hostile notice is refused with 400 and ends nothing', async t => {
  const login = await startShop(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  for (const [title, [reason, make]] of Object.entries(HOSTILE)) {
    login.reasons()
    const answer = await login.app.inject({
      method: 'POST',
      url: '/logout/backchannel',
      // Each source has so many refusals.
      remoteAddress: `10.0.0.${Object.keys(HOSTILE).indexOf(title) + 1}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ logout_token: make(login) }).toString()
    })
    t.equal(answer.statusCode, 400, `a token that ${title}`)
    t.equal(codeOf(answer), 'SALLYPORT_AUTHENTICATION_LOGOUT_TOKEN_INVALID')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.same(login.reasons(), [`session/denied/logout-token-${reason}`], `a token that ${title}`)
  }
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('an access token and an id_token are no notices', async t => {
  const login = await startShop(t)
  const browser = login.browser()
  await goThroughLogin(login, browser)
  for (const token of [
    login.issuer.kit.token({ sub: 'subject-1' }),
    login.issuer.kit.token({ aud: 'shop' }, { typ: 'JWT' })
  ]) {
    t.equal((await notify(login, token)).statusCode, 400)
  }
  t.equal((await browser.get('/orders')).statusCode, 200)
})

t.test('what is no form with one token is 400', async t => {
  const { app } = await startShop(t)
  const post = async (payload: string, type = 'application/x-www-form-urlencoded') =>
    (await app.inject({ method: 'POST', url: '/logout/backchannel', headers: { 'content-type': type }, payload }))
      .statusCode
  t.equal(await post(''), 400)
  t.equal(await post('logout_token='), 400)
  t.equal(await post('logout_token=a&logout_token=b'), 400)
  t.equal(await post(`logout_token=${'a'.repeat(16_385)}`), 400)
  t.equal(await post('{}', 'application/json'), 400)
})

t.test('a source with many refused notices has to wait', async t => {
  const login = await startShop(t)
  for (let times = 0; times < 30; times++) t.equal((await notify(login, 'nothing')).statusCode, 400)
  const throttled = await notify(login, noticeToken(login))
  t.equal(throttled.statusCode, 429)
  t.ok(throttled.headers['retry-after'])
})

t.test(
  'a notice that the store could not take is 503 and uses nothing up: its repetition ends the session',
  async t => {
    const store = memorySessionStore()
    let isAway = true
    const endOnce: SessionStore['endOnce'] = async (by, use) => {
      if (isAway) throw new Error('away')
      return await store.endOnce(by, use)
    }
    const login = await startShop(t, {
      session: { stored: { store: { ...store, endOnce }, schedule: () => ({ stop: () => {} }) } }
    })
    const browser = login.browser()
    await goThroughLogin(login, browser)
    const token = noticeToken(login)
    const answer = await notify(login, token)
    t.equal(answer.statusCode, 503)
    t.equal(codeOf(answer), 'SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE')
    t.equal((await browser.get('/orders')).statusCode, 200)
    isAway = false
    t.equal((await notify(login, token)).statusCode, 200)
    t.equal((await browser.get('/orders', { accept: 'application/json' })).statusCode, 401)
    t.equal((await notify(login, token)).statusCode, 400, 'and then it is used up')
  }
)

t.test('without a store the option does not boot, and without the option there is no such route', async t => {
  await t.rejects(startShop(t, { session: {} }), {
    code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
    message: /backchannelLogout needs session\.stored/
  })
  const login = await startShop(t, { login: {} })
  t.equal((await notify(login, noticeToken(login))).statusCode, 404)
})

t.test('S-18: with a store the logout at the issuer says by the id_token whose login ends', async t => {
  const login = await startShop(t, {
    metadata: { end: true },
    session: { stored: { store: memorySessionStore(), schedule: () => ({ stop: () => {} }) } }
  })
  const browser = login.browser()
  await goThroughLogin(login, browser)
  const answer = await browser.send({
    method: 'POST',
    url: '/logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
    payload: 'returnTo=/bye'
  })
  t.equal(answer.statusCode, 303)
  const asked = new URL(String(answer.headers.location)).searchParams
  t.same([...asked.keys()].sort(), ['client_id', 'id_token_hint', 'post_logout_redirect_uri', 'state'])
  t.equal(asked.get('id_token_hint')?.split('.').length, 3)
})

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
