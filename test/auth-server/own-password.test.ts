import t, { type Test } from 'tap'
import {
  FACTS,
  introspect,
  login,
  refresh,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'
import { authorizeUrl, browser, formOf, pkce, requestOf, type Browser } from '../support/browser.ts'
import { codeFlow, type CodeTokens } from './support/code-flow.ts'

const PAGE = '/account/password'
const SIGN_IN = '__Host-sallyport_sign_in'
const CURRENT = FACTS.users.customer1.password
const WANTED = 'four words in a row'
const RULES = {
  account: { freeFailures: 2, firstWaitMs: 1000, longestWaitMs: 8000 },
  everywhere: { freeFailures: 12, firstWaitMs: 1000, longestWaitMs: 2000 },
  source: { freeFailures: 50, firstWaitMs: 1000, longestWaitMs: 8000 },
  windowMs: 60_000
}

interface Stage extends TestServer {
  readonly user: Browser
  readonly tokens: CodeTokens
  readonly change: (fields?: Record<string, string>) => ReturnType<Browser['submit']>
  readonly isSignedIn: (user: Browser) => Promise<boolean>
}

/** A user who is logged in at the web app. */
async function start(t: Test): Promise<Stage> {
  const server = await startServer(t, {}, { throttleRules: RULES })
  const { user, tokens } = await codeFlow(server.app)
  return {
    ...server,
    user,
    tokens,
    change: async (fields = {}) =>
      await user.submit(await user.get(PAGE), { current: CURRENT, wanted: WANTED, repeated: WANTED, ...fields }),
    isSignedIn: async user =>
      !(await user.get(authorizeUrl(requestOf(pkce().challenge)))).body.includes('name="password"')
  }
}

t.test('O-54: a user changes their password; this browser goes on, everything else ends', async t => {
  const { app, db, user, tokens, change, isSignedIn } = await start(t)
  const elsewhere = await codeFlow(app)
  const direct = (await login(app)).body
  const copy = browser(app)
  for (const [name, value] of user.cookies) copy.cookies.set(name, value)
  const secret = user.cookies.get(SIGN_IN)
  const changed = await change()
  t.equal(changed.statusCode, 200)
  t.match(changed.body, /You are still logged in in this browser/)
  t.match(changed.body, /2 sessions have ended/)
  t.not(user.cookies.get(SIGN_IN), secret, 'the browser has a new secret')
  t.strictSame(
    [await isSignedIn(user), await isSignedIn(copy), await isSignedIn(elsewhere.user)],
    [true, false, false],
    'a copy of the cookie is worth nothing'
  )
  const active = async (accessToken: string) => (await introspect(app, accessToken)).active === true
  t.strictSame(
    [await active(tokens.access_token), await active(elsewhere.tokens.access_token), await active(direct.access_token)],
    [true, false, false]
  )
  t.equal((await refresh(app, tokens.refresh_token, {}, 'web-app')).status, 200)
  t.equal((await refresh(app, elsewhere.tokens.refresh_token, {}, 'web-app')).body.error, 'invalid_grant')
  t.equal((await refresh(app, direct.refresh_token)).body.error, 'invalid_grant')
  const logIn = async (password: string) =>
    (await token(app, 'gateway', { grant_type: 'password', username: 'customer1', password })).status
  t.strictSame([await logIn(CURRENT), await logIn(WANTED)], [400, 200])
  const rows = await db('audit_events').where({ action: 'user.change-password' })
  t.match(rows, [
    { outcome: 'success', subject: FACTS.users.customer1.subject, detail: { endedSessions: { length: 2 } } }
  ])
  for (const secretText of [CURRENT, WANTED]) t.notOk(JSON.stringify(rows).includes(secretText))
})

t.test('O-54: what is wrong with the new password costs no guess of the current one', async t => {
  const { change, events, isSignedIn, user } = await start(t)
  const mistakes: ReadonlyArray<readonly [Record<string, string>, RegExp, string]> = [
    [{ repeated: 'four words in a rov' }, /are not the same/, 'passwords-differ'],
    [{ wanted: 'short', repeated: 'short' }, /fewer than 12 characters/, 'password-policy'],
    [{ wanted: 'customer1 was here', repeated: 'customer1 was here' }, /contains the user name/, 'password-policy'],
    [{ wanted: CURRENT, repeated: CURRENT }, /is the current one/, 'password-unchanged'],
    [{ current: '' }, /Enter your current password/, 'credentials-missing']
  ]
  for (const [fields, problem, reason] of mistakes) {
    const answer = await change(fields)
    t.equal(answer.statusCode, 400)
    t.match(answer.body, problem)
    t.match(events.at(-1), { stage: 'session', outcome: 'denied', reason, subject: FACTS.users.customer1.subject })
    for (const text of Object.values(fields)) if (text !== '') t.notOk(answer.body.includes(text), 'no password in it')
  }
  t.ok(await isSignedIn(user))
  t.equal((await change()).statusCode, 200, 'none of them counted')
})

t.test('O-54: a wrong current password counts and waits as at login, and with logins', async t => {
  const { app, clock, change, events } = await start(t)
  for (let n = 0; n < 3; n++) {
    const answer = await change({ current: 'a wrong password' })
    t.equal(answer.statusCode, 400)
    t.match(answer.body, /The current password is wrong/)
  }
  t.match(events.at(-1), { stage: 'session', outcome: 'denied', reason: 'password-wrong' })
  const waiting = await change()
  t.match([waiting.statusCode, waiting.headers['retry-after']], [429, '1'], 'even with the right one')
  t.match(waiting.body, /Too many failed logins/)
  const other = browser(app)
  const atLogin = await other.submit(await other.get(authorizeUrl(requestOf(pkce().challenge))), {
    username: 'customer1',
    password: CURRENT
  })
  t.equal(atLogin.statusCode, 429, 'at the login page too')
  clock.advance(1)
  t.equal((await change()).statusCode, 200)
})

t.test('O-54: nobody but the user in this browser changes it', async t => {
  const { app, user, db } = await start(t)
  const hash = async () => (await db('users').where({ username: 'customer1' }).first()).password_hash
  const before = await hash()
  const { action, values } = formOf((await user.get(PAGE)).body)
  const fields = { current: CURRENT, wanted: WANTED, repeated: WANTED }
  t.equal((await user.post(action, fields)).statusCode, 400, 'no token')
  t.equal((await user.post(action, { ...fields, csrf: 'A'.repeat(43) })).statusCode, 400, 'another token')
  const foreign = await app.inject({
    method: 'POST',
    url: action,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'cross-site',
      cookie: [...user.cookies].map(pair => pair.join('=')).join('; ')
    },
    payload: new URLSearchParams({ ...values, ...fields }).toString()
  })
  t.equal(foreign.statusCode, 400, 'a form of another site')
  const stranger = browser(app)
  t.equal((await stranger.post(action, { ...values, ...fields })).statusCode, 400, 'another browser')
  t.match([(await stranger.get(PAGE)).statusCode, (await stranger.get(PAGE)).body], [403, /Log in to one of your/])
  user.cookies.set(SIGN_IN, 'A'.repeat(43))
  t.equal((await user.post(action, { ...values, ...fields })).statusCode, 403, 'nobody is signed in')
  t.equal(await hash(), before)
})

t.test('O-54: no page of it is framed, cached, run scripts in or told to others, whatever it answers', async t => {
  const { user, change, app } = await start(t)
  for (const answer of [
    await user.get(PAGE),
    await change({ current: 'a wrong password' }),
    await change({ wanted: 'short' }),
    await browser(app).get(PAGE),
    await user.post(PAGE, {}),
    await change()
  ]) {
    t.match(answer.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': /default-src 'none'.*form-action 'self'; frame-ancestors 'none'/
    })
    t.notMatch(answer.body, /<script|onclick|<input[^>]*type="password"[^>]*value=/)
  }
})
