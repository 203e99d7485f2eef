import { admin, postgresStore } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { ISSUER, startServer } from '../support/authorization-server.ts'
import {
  authorized,
  authorizeUrl,
  browser,
  credentialsOf,
  formOf,
  NATIVE_APP,
  pkce,
  redirectOf,
  requestOf,
  WEB_APP
} from '../support/browser.ts'

const { challenge } = pkce()
const URL_OF_ALL = authorizeUrl(requestOf(challenge))

t.test('O-05: a redirect URI that is not registered, character by character, is never redirected to', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  for (const wrong of [
    `${WEB_APP.redirect_uri}/`,
    `${WEB_APP.redirect_uri}?x=1`,
    `${WEB_APP.redirect_uri}#x`,
    'http://127.0.0.1:9090/',
    'http://127.0.0.1:9099/callback',
    'https://127.0.0.1:9090/callback',
    'HTTP://127.0.0.1:9090/callback',
    'http://127.0.0.1:9090/./callback',
    'http://127.0.0.1:9090@evil.example/callback',
    'http://evil.example/callback',
    'javascript:alert(1)',
    '',
    undefined
  ]) {
    for (const more of [{}, { response_type: 'token' }, { scope: 'nothing' }]) {
      const response = await user.get(authorizeUrl(requestOf(challenge, { redirect_uri: wrong, ...more })))
      t.match([response.statusCode, response.headers.location], [400, undefined], String(wrong))
      t.match(response.headers['content-type'], /^text\/html/)
    }
  }
  for (const client of ['nobody', '', undefined]) {
    const { statusCode, headers } = await user.get(authorizeUrl(requestOf(challenge, { client_id: client })))
    t.match([statusCode, headers.location], [400, undefined], `client ${String(client)}`)
  }
})

t.test('O-05: only the port of a public client’s loopback address may differ', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const [redirect, status] of [
    ['http://127.0.0.1:1/callback', 200],
    ['http://127.0.0.1/callback', 200],
    ['http://127.0.0.1:9091/callback', 200],
    ['http://127.0.0.1:9091/callback/x', 400],
    ['http://127.0.0.1:9091x/callback', 400],
    ['http://127.0.0.1:9091@evil.example/callback', 400],
    ['http://localhost:9091/callback', 400],
    ['http://[::1]:9091/callback', 400],
    ['http://127.0.0.2:9091/callback', 400],
    ['http://127.0.0.1:999999/callback', 400]
  ] as const) {
    const { statusCode } = await user.get(authorizeUrl(requestOf(challenge, { ...NATIVE_APP, redirect_uri: redirect })))
    t.equal(statusCode, status, redirect)
  }
})

t.test('O-05: what may be registered is https, loopback or a private-use scheme, without a fragment', async t => {
  const { db } = await startServer(t)
  const create = async (uri: string) =>
    await admin.createClient(administration(db), {
      id: `c${Math.random()}`.slice(0, 12),
      grantTypes: ['authorization_code'],
      redirectUris: [uri]
    })
  for (const good of [
    'https://app.example/cb',
    'https://app.example/cb?x=1',
    'http://127.0.0.1/cb',
    'http://[::1]:5/cb',
    'com.example.app:/cb'
  ]) {
    await t.resolves(create(good), good)
  }
  for (const bad of [
    'http://app.example/cb',
    'http://localhost/cb',
    'https://app.example/cb#x',
    'https://user@app.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'myapp:/cb',
    '/cb',
    'https://app.example/ü',
    'https://app.example/\\x'
  ]) {
    await t.rejects(create(bad), { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' }, bad)
  }
})

t.test('O-06: only response_type=code is answered with a code', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const responseType of ['token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', '', undefined]) {
    const { to, answer } = await authorized(user, authorizeUrl(requestOf(challenge, { response_type: responseType })))
    t.match(
      [to, answer.error, answer.code, answer.access_token],
      [WEB_APP.redirect_uri, 'unsupported_response_type', undefined, undefined],
      String(responseType)
    )
  }
  for (const [more, error] of [
    [{ response_mode: 'fragment' }, 'invalid_request'],
    [{ request: 'x.y.z' }, 'request_not_supported'],
    [{ scope: 'orders:read everything' }, 'invalid_scope']
  ] as const) {
    t.match((await authorized(user, authorizeUrl(requestOf(challenge, more)))).answer, { error, state: 'state-1' })
  }
  t.match(
    (await authorized(user, authorizeUrl(requestOf(challenge, { client_id: 'machine-client' })))).to,
    '',
    'a client without the grant has no redirect URI to go to'
  )
})

t.test('O-07: every answer names the issuer', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.submit(await user.get(URL_OF_ALL), credentialsOf('customer1'))
  t.match(redirectOf(await user.submit(page, { decision: 'deny' })).answer, {
    iss: ISSUER,
    error: 'access_denied',
    code: undefined
  })
  t.match((await authorized(user, URL_OF_ALL)).answer, { iss: ISSUER, error: undefined })
  t.match((await authorized(user, authorizeUrl(requestOf(challenge, { response_type: 'token' })))).answer, {
    iss: ISSUER,
    error: 'unsupported_response_type'
  })
  t.match((await authorized(browser(app), authorizeUrl(requestOf(challenge, { prompt: 'none' })))).answer, {
    iss: ISSUER,
    error: 'login_required'
  })
})

t.test('O-08: state comes back byte for byte, and is absent when it was', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const state of [
    'a b+c%20&d=e#f?g',
    'ünïcödé ✓',
    '"><script>alert(1)</script>',
    '{"a":[1]}',
    ' ',
    'x'.repeat(2048)
  ]) {
    t.equal((await authorized(user, authorizeUrl(requestOf(challenge, { state })))).answer.state, state)
    t.equal(
      (await authorized(user, authorizeUrl(requestOf(challenge, { state, response_type: 'token' })))).answer.state,
      state,
      'in errors too'
    )
  }
  t.notOk('state' in (await authorized(user, authorizeUrl(requestOf(challenge, { state: undefined })))).answer)
})

t.test('O-09: redirects are 303, so that a password is never sent on', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.submit(await user.get(URL_OF_ALL), credentialsOf('customer1'))
  t.equal((await user.submit(page, { decision: 'allow' })).statusCode, 303)
  t.equal((await user.get(URL_OF_ALL)).statusCode, 303, 'signed in and allowed')
  t.equal(
    (await user.get(authorizeUrl(requestOf(challenge, { prompt: 'none', max_age: '0', response_type: 'x' }))))
      .statusCode,
    303,
    'an error'
  )
  await user.get(authorizeUrl(requestOf(challenge, { prompt: 'login' }))).then(async again => {
    t.equal((await user.submit(again, credentialsOf('customer1'))).statusCode, 303, 'straight from the login page')
  })
})

t.test('O-10: pages are shown in no frame, kept in no cache, tell no referrer and run no script', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const login = await user.get(URL_OF_ALL)
  const consent = await user.submit(login, credentialsOf('customer1'))
  const wrong = await user.get('/oauth2/authorize')
  t.match([login.statusCode, consent.statusCode, wrong.statusCode], [200, 200, 400])
  for (const [name, { headers, body }] of Object.entries({ login, consent, wrong })) {
    t.match(
      headers,
      {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          /default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'[^;]*; frame-ancestors 'none'; base-uri 'none'/
      },
      name
    )
    t.notMatch(body, /<script|onclick|javascript:|<link|<img|<iframe/i, name)
  }
  t.match(
    login.headers['content-security-policy'],
    "form-action 'self' http://127.0.0.1:9090;",
    'browsers hold the redirect after the form to it too'
  )
  for (const { httpOnly, secure, sameSite, path, name } of [...login.cookies, ...consent.cookies]) {
    t.match(
      { httpOnly, secure, sameSite, path, name },
      { httpOnly: true, secure: true, sameSite: 'Lax', path: '/', name: /^__Host-/ }
    )
  }
})

t.test('O-10: pages have a language, a title, one heading, labels for every field and an announced error', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const login = await user.get(URL_OF_ALL)
  const refused = await user.submit(login, { username: 'customer1', password: 'wrong' })
  for (const { body } of [login, refused, await user.submit(login, credentialsOf('customer1'))]) {
    t.match(body, /<html lang="en">/)
    t.match(body, /<title>[^<]+<\/title>/)
    t.equal(body.match(/<h1>/g)?.length, 1)
    const fields = [...body.matchAll(/<input id="([^"]+)"/g)].map(([, id]) => id)
    for (const id of fields) t.match(body, `<label for="${id ?? ''}">`)
    for (const button of body.match(/<button[^>]*>/g) ?? []) t.match(button, 'type="submit"')
  }
  t.match(refused.body, /<p role="alert" id="problem">The user name or the password is wrong/)
  t.match(refused.body, /aria-describedby="problem"/)
  t.match(login.body, /autocomplete="username"[^]*autocomplete="current-password"/)
})

t.test('O-10: a form is taken only from a page that this browser was shown', async t => {
  const { app, events } = await startServer(t)
  const user = browser(app)
  const page = await user.get(URL_OF_ALL)
  const { action, values } = formOf(page.body)
  const complete = { ...values, ...credentialsOf('customer1') }
  const refused = async (why: string, attempt: ReturnType<typeof user.post>) => {
    const { statusCode, cookies } = await attempt
    t.match([statusCode, cookies.length, events.at(-1)?.reason], [400, 0, 'csrf'], why)
  }
  await refused('no token', user.post(action, { ...complete, csrf: '' }))
  await refused('another token', user.post(action, { ...complete, csrf: Buffer.alloc(32, 1).toString('base64url') }))
  const attacker = browser(app)
  const { values: theirs } = formOf((await attacker.get(URL_OF_ALL)).body)
  await refused('the token of the attacker’s browser', user.post(action, { ...complete, csrf: theirs.csrf ?? '' }))
  await refused('a browser without the cookie', browser(app).post(action, complete))
  for (const site of ['cross-site', 'same-site']) {
    user.headers = { 'sec-fetch-site': site }
    const { statusCode } = await app.inject({
      method: 'POST',
      url: action,
      headers: {
        ...user.headers,
        cookie: [...user.cookies].map(pair => pair.join('=')).join('; '),
        'content-type': 'application/x-www-form-urlencoded'
      },
      payload: new URLSearchParams(complete).toString()
    })
    t.equal(statusCode, 400, site)
  }
  user.headers = {}
  t.equal((await user.post(action, complete)).statusCode, 200, 'the real one')
})

t.test('the sealed request of a page cannot be changed, made up or kept', async t => {
  const { app, clock, events } = await startServer(t)
  const user = browser(app)
  const page = await user.get(URL_OF_ALL)
  const { action, values } = formOf(page.body)
  const sealed = Buffer.from(values.interaction ?? '', 'base64url')
  const changed = Buffer.from(sealed)
  changed[sealed.length - 5] = (changed[sealed.length - 5] ?? 0) ^ 1
  for (const interaction of [changed.toString('base64url'), '', 'e30', values.csrf ?? '']) {
    t.equal((await user.post(action, { ...values, interaction, ...credentialsOf('customer1') })).statusCode, 400)
    t.match(events.at(-1), { reason: 'interaction-invalid' })
  }
  clock.advance(30 * 60)
  t.equal((await user.submit(page, credentialsOf('customer1'))).statusCode, 400)
  t.match(events.at(-1), { reason: 'interaction-expired' })
})

t.test('O-31: an unknown user and a wrong password are one answer on the page', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.get(URL_OF_ALL)
  const shapes = []
  for (const username of ['customer1', 'nobody']) {
    const { statusCode, body, cookies } = await user.submit(page, { username, password: 'wrong' })
    shapes.push({ statusCode, cookies, body: body.replace(username, '').replace(/value="[^"]{50,}"/g, '') })
  }
  t.strictSame(shapes[0], shapes[1])
  t.equal(shapes[0]?.statusCode, 400)
})

t.test('O-32: the page’s logins are throttled like all others, by whatever spelling of the name', async t => {
  const { app, clock } = await startServer(t)
  const user = browser(app)
  const page = await user.get(URL_OF_ALL)
  const statuses = []
  for (const username of [
    'customer1',
    ' customer1',
    'CUSTOMER1',
    'customer1 ',
    'Customer1',
    'customer1',
    'customer1'
  ]) {
    statuses.push((await user.submit(page, { username, password: 'wrong' })).statusCode)
  }
  t.strictSame(statuses, [400, 400, 400, 400, 400, 400, 429])
  const waiting = await user.submit(page, credentialsOf('customer1'))
  t.match([waiting.statusCode, waiting.headers['retry-after']], [429, '1'])
  clock.advance(1)
  t.equal((await user.submit(page, credentialsOf('customer1'))).statusCode, 200, 'no lock-out')
})

t.test('who is signed in is not asked again, until the sign-in ends, idles or grows old', async t => {
  const { app, clock, db } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  t.equal((await user.get(URL_OF_ALL)).statusCode, 303)
  clock.advance(7000)
  t.equal((await user.get(URL_OF_ALL)).statusCode, 303, 'each use counts against idling')
  clock.advance(7000)
  t.equal((await user.get(URL_OF_ALL)).statusCode, 303)
  clock.advance(7201)
  t.match((await user.get(URL_OF_ALL)).body, /name="password"/, 'idle')
  await authorized(user, URL_OF_ALL)
  for (let hour = 0; hour < 168; hour++) {
    clock.advance(3599)
    await user.get(URL_OF_ALL)
  }
  clock.advance(3599)
  t.match((await user.get(URL_OF_ALL)).body, /name="password"/, 'a week')
  await authorized(user, URL_OF_ALL)
  await admin.endSessionsOf(
    administration(db, () => clock.ms),
    { kind: 'user', userId: '00000000-0000-4000-8000-000000000001' }
  )
  t.match((await user.get(URL_OF_ALL)).body, /name="password"/, 'logged out everywhere')
})

t.test('a cookie that was there before a login never counts, and neither does one that is made up', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  const before = user.cookies.get('__Host-sallyport_sign_in') ?? ''
  await user.submit(await user.get(authorizeUrl(requestOf(challenge, { prompt: 'login' }))), credentialsOf('customer1'))
  t.not(user.cookies.get('__Host-sallyport_sign_in'), before)
  for (const cookie of [before, '', 'x'.repeat(43), `${before}x`]) {
    const thief = browser(app)
    thief.cookies.set('__Host-sallyport_sign_in', cookie)
    t.match((await thief.get(URL_OF_ALL)).body, /name="password"/)
  }
})

t.test('prompt and max_age ask for the login or the consent again, and none asks for nothing', async t => {
  const { app, clock } = await startServer(t)
  const user = browser(app)
  const ask = async (more: Record<string, string>) => await user.get(authorizeUrl(requestOf(challenge, more)))
  t.equal(redirectOf(await ask({ prompt: 'none' })).answer.error, 'login_required')
  await user.submit(await ask({}), credentialsOf('customer1'))
  t.equal(redirectOf(await ask({ prompt: 'none' })).answer.error, 'consent_required')
  await authorized(user, URL_OF_ALL)
  t.match(redirectOf(await ask({ prompt: 'none' })).answer.code, /./)
  t.match((await ask({ prompt: 'consent' })).body, /Allow access/)
  t.match((await ask({ prompt: 'select_account' })).body, /name="password"/)
  const again = await ask({ prompt: 'login' })
  t.match(again.body, /name="password"/)
  t.match(redirectOf(await user.submit(again, credentialsOf('customer1'))).answer.code, /./)
  const both = await user.submit(await ask({ prompt: 'login consent' }), credentialsOf('customer1'))
  t.match(both.body, /Allow access/)
  clock.advance(100)
  t.equal((await ask({ max_age: '100' })).statusCode, 303)
  const old = await ask({ max_age: '99' })
  t.match(old.body, /name="password"/)
  t.equal((await user.submit(old, credentialsOf('customer1'))).statusCode, 303)
  t.match((await user.submit(await ask({ max_age: '0' }), credentialsOf('customer1'))).statusCode, 303)
  for (const more of [{ prompt: 'none login' }, { prompt: 'create' }, { max_age: '-1' }, { max_age: '1e3' }]) {
    t.equal(redirectOf(await ask(more)).answer.error, 'invalid_request', JSON.stringify(more))
  }
})

t.test('consent is remembered for what was allowed, for a client that can be told apart', async t => {
  const { app, db } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  t.equal((await user.get(URL_OF_ALL)).statusCode, 303)
  const more = await user.get(authorizeUrl(requestOf(challenge, { scope: 'orders:read orders:write' })))
  t.match(more.body, /<code>orders:write<\/code>/)
  await user.submit(more, { decision: 'deny' })
  t.match(
    (await user.get(authorizeUrl(requestOf(challenge, { scope: 'orders:write' })))).body,
    /Allow access/,
    'a denial is no consent'
  )
  await db('clients').where({ id: 'web-app' }).update({ first_party: true })
  t.equal(
    (await user.get(authorizeUrl(requestOf(challenge, { scope: 'orders:write' })))).statusCode,
    303,
    'the deployment’s own client'
  )
})

t.test('a consent page counts for the user to whom it was shown, and for what it showed', async t => {
  const { app, db } = await startServer(t)
  const user = browser(app)
  const page = await user.submit(
    await user.get(authorizeUrl(requestOf(challenge, { scope: 'orders:read admin' }))),
    credentialsOf('customer1')
  )
  t.notMatch(page.body, /<code>admin<\/code>/)
  await db('user_roles').insert({ user_id: '00000000-0000-4000-8000-000000000001', role: 'ADMIN' })
  await user.submit(page, { decision: 'allow' })
  t.strictSame(
    (await db('authorization_codes').select('scopes')).map(({ scopes }) => scopes),
    [['orders:read']]
  )
  await user.submit(await user.get(authorizeUrl(requestOf(challenge, { prompt: 'login' }))), credentialsOf('customer2'))
  const other = await user.submit(page, { decision: 'allow' })
  t.match(other.body, /Allow access[^]*customer2/, 'the next user is asked')
})

t.test('what comes from the request or the database is text on the page, never markup', async t => {
  const { app, db } = await startServer(t)
  await db('clients').where({ id: 'web-app' }).update({ name: '<img src=x onerror=alert(1)>' })
  const user = browser(app)
  const login = await user.get(authorizeUrl(requestOf(challenge, { login_hint: '"><script>alert(1)</script>' })))
  t.match(login.body, 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"')
  t.match(login.body, '&lt;img src=x')
  const refused = await user.submit(login, { username: "'><b>", password: 'x' })
  t.match(refused.body, 'value="&#39;&gt;&lt;b&gt;"')
})

t.test('O-18: a parameter that is there twice is refused, without a redirect', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const more of ['&state=2', '&redirect_uri=http://evil.example', '&scope=x', '&client_id=native-app']) {
    const { statusCode, headers } = await user.get(URL_OF_ALL + more)
    t.match([statusCode, headers.location], [400, undefined], more)
  }
})

t.test('a request may come as a POSTed form as well', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.post('/oauth2/authorize', requestOf(challenge) as Record<string, string>)
  t.equal(page.statusCode, 200)
  t.match(
    (await user.submit(await user.submit(page, credentialsOf('customer1')), { decision: 'allow' })).statusCode,
    303
  )
})

t.test('a client that was disabled, or that may not use the grant, gets no page and no code', async t => {
  const { app, db } = await startServer(t)
  const user = browser(app)
  const page = await user.get(URL_OF_ALL)
  await db('clients')
    .where({ id: 'web-app' })
    .update({ disabled_at: new Date(0) })
  for (const response of [await user.get(URL_OF_ALL), await user.submit(page, credentialsOf('customer1'))]) {
    t.match([response.statusCode, response.headers.location], [400, undefined])
  }
  await db('clients')
    .where({ id: 'web-app' })
    .update({ disabled_at: null, grant_types: ['refresh_token'] })
  t.match((await authorized(user, URL_OF_ALL)).answer, { error: 'unauthorized_client', code: undefined })
})

t.test('parameters that are too long or malformed are refused', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const more of [
    { state: 'x'.repeat(2049) },
    { nonce: 'x'.repeat(2049) },
    { dpop_jkt: 'short' },
    { dpop_jkt: `${'A'.repeat(43)}=` }
  ]) {
    t.match((await authorized(user, authorizeUrl(requestOf(challenge, more)))).answer, {
      error: 'invalid_request',
      code: undefined
    })
  }
})

t.test('a redirect URI keeps the query that it was registered with', async t => {
  const { app, db } = await startServer(t)
  await db('clients')
    .where({ id: 'web-app' })
    .update({ redirect_uris: ['https://app.example/cb?tenant=a%20b'] })
  const page = await browser(app).get(
    authorizeUrl(requestOf(challenge, { redirect_uri: 'https://app.example/cb?tenant=a%20b', response_type: 'x' }))
  )
  t.match(page.headers.location, /^https:\/\/app\.example\/cb\?tenant=a%20b&error=unsupported_response_type&/)
})

t.test('a request without scope asks for the registered ones, and for no id token', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.submit(
    await user.get(authorizeUrl(requestOf(challenge, { scope: undefined }))),
    credentialsOf('customer1')
  )
  t.match(page.body, /<code>orders:write<\/code>/)
  t.notMatch(page.body, /openid/)
  const asked = await user.get(authorizeUrl(requestOf(challenge, { scope: 'openid orders:read' })))
  t.match(asked.body, /<code>openid<\/code>/)
})

t.test('a first-party client’s answer is no consent of the user', async t => {
  const { app, db } = await startServer(t)
  await db('clients').where({ id: 'web-app' }).update({ first_party: true })
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  await db('clients').where({ id: 'web-app' }).update({ first_party: false })
  t.match((await user.get(URL_OF_ALL)).body, /Allow access/)
})

t.test('another user’s login ends the sign-in that was in the browser', async t => {
  const { app, db } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  await user.submit(await user.get(authorizeUrl(requestOf(challenge, { prompt: 'login' }))), credentialsOf('customer2'))
  const rows = await db('sign_ins').orderBy('authenticated_at')
  t.strictSame(rows.map(({ ended_at: endedAt }) => endedAt === null).sort(), [false, true])
})

t.test(
  'a sign-in of a disabled user is no longer accepted, and a password that changes while it is checked starts none',
  async t => {
    let during = async (): Promise<unknown> => null
    const slow = {
      hash: async () => 'x',
      verify: async () => {
        await during()
        return true
      }
    }
    const { app, db, clock } = await startServer(t, {}, { passwordHashFunction: slow })
    const user = browser(app)
    await authorized(user, URL_OF_ALL)
    await db('users')
      .where({ username: 'customer1' })
      .update({ disabled_at: new Date(0) })
    t.match((await user.get(URL_OF_ALL)).body, /name="password"/)
    await db('users').where({ username: 'customer1' }).update({ disabled_at: null })
    during = async () =>
      await db('users')
        .where({ username: 'customer1' })
        .update({ password_changed_at: new Date(clock.ms + 1) })
    const refused = await user.submit(
      await user.get(authorizeUrl(requestOf(challenge, { prompt: 'login' }))),
      credentialsOf('customer1')
    )
    t.equal(refused.statusCode, 400)
  }
)

t.test('a sign-in that ends between the look at it and the code gives no code', async t => {
  const { app, another, db } = await startServer(t)
  const user = browser(app)
  await authorized(user, URL_OF_ALL)
  const store = postgresStore(db)
  const racing = await another(
    {},
    {
      store: {
        ...store,
        scopes: {
          ...store.scopes,
          ofAudience: async audience => {
            await db('sign_ins').update({ ended_at: new Date() })
            return await store.scopes.ofAudience(audience)
          }
        }
      }
    }
  )
  const late = browser(racing)
  for (const [name, value] of user.cookies) late.cookies.set(name, value)
  const { answer } = await authorized(late, URL_OF_ALL)
  t.match([answer.error, answer.code], ['login_required', undefined])
})

t.test('a decision is allow or deny', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  const page = await user.submit(await user.get(URL_OF_ALL), credentialsOf('customer1'))
  for (const decision of ['', 'yes', 'ALLOW']) {
    t.match(await user.submit(page, { decision }), { statusCode: 400, headers: { location: undefined } })
  }
})
