import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { admin, parseKeyRing } from '@sallyport/auth-server'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { administration } from '../support/administration.ts'
import {
  claimsOf,
  introspect,
  login,
  refresh,
  SETTINGS,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'
import { authorizeUrl, browser, credentialsOf, formOf, pkce, requestOf, type Browser } from '../support/browser.ts'
import { codeFlow, type CodeTokens } from './support/code-flow.ts'

const SIGN_IN = '__Host-sallyport_sign_in'
const BYE = 'https://rp.example/bye?from=sallyport'
const URLS = ['https://rp.example/bye', BYE, 'com.example.app:/bye']

const logoutUrl = (parameters: Record<string, string | undefined>): string =>
  `/oauth2/end-session?${new URLSearchParams(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString()}`

interface Stage extends TestServer {
  readonly user: Browser
  readonly tokens: CodeTokens
  readonly isSignedIn: (user: Browser) => Promise<boolean>
  readonly lives: (tokens: CodeTokens) => Promise<boolean>
}

/** A user who is logged in at the web app. */
async function start(t: Test): Promise<Stage> {
  const server = await startServer(t)
  await admin.setClientLogout(administration(server.db), 'web-app', { postLogoutRedirectUris: URLS })
  await admin.setClientLogout(administration(server.db), 'native-app', {
    postLogoutRedirectUris: ['https://native.example/bye']
  })
  return {
    ...server,
    ...(await codeFlow(server.app)),
    isSignedIn: async user =>
      !(await user.get(authorizeUrl(requestOf(pkce().challenge)))).body.includes('name="password"'),
    lives: async tokens => (await introspect(server.app, tokens.access_token)).active === true
  }
}

t.test("O-37: a client's logout with its id_token ends the sign-in, every session of it, and no other", async t => {
  const { app, user, tokens, isSignedIn, lives, db } = await start(t)
  const second = (await codeFlow(app, { user })).tokens
  const elsewhere = await codeFlow(app)
  const api = (await login(app)).body
  const secret = user.cookies.get(SIGN_IN) ?? ''
  const answer = await user.get(
    logoutUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE, state: 'a b&c=ü' })
  )
  t.equal(answer.statusCode, 303)
  t.equal(answer.headers.location, `${BYE}&${new URLSearchParams({ state: 'a b&c=ü' }).toString()}`)
  t.match(answer.headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  t.notOk(user.cookies.has(SIGN_IN), 'the cookie is gone')
  user.cookies.set(SIGN_IN, secret)
  t.notOk(await isSignedIn(user), 'and is no longer accepted')
  t.strictSame(
    [await lives(tokens), await lives(second), await lives(elsewhere.tokens), await lives(api)],
    [false, false, true, true]
  )
  t.equal((await refresh(app, second.refresh_token, {}, 'web-app')).body.error, 'invalid_grant')
  t.ok(await isSignedIn(elsewhere.user))
  const [row] = await db('audit_events').where({ action: 'sign-in.end' })
  t.match(row, { outcome: 'success', resource_type: 'sign-in', detail: { sessions: { length: 2 } } })
})

t.test('O-37: an expired id_token still shows who asks', async t => {
  const { clock, user, tokens, lives } = await start(t)
  clock.advance(3600)
  const answer = await user.get(logoutUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: URLS[0] }))
  t.strictSame([answer.statusCode, answer.headers.location], [303, URLS[0]])
  t.notOk(await lives(tokens))
})

t.test(
  'O-37: without an id_token of this very sign-in the user is asked, on a page that cannot be framed, kept or forged',
  async t => {
    const { app, db, user, tokens, isSignedIn, lives } = await start(t)
    const other = await codeFlow(app)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { kid, private_key_sealed: sealed } = await db('signing_keys').first()
    const ownKey = createPrivateKey({
      key: parseKeyRing(SETTINGS.sealingKeys).unseal(`sallyport signing key ${String(kid)}`, sealed),
      format: 'der',
      type: 'pkcs8'
    })
    const signed = async (key: typeof privateKey, typ = 'JWT', more = {}) =>
      await new SignJWT({ ...claimsOf(tokens.id_token ?? ''), ...more })
        .setProtectedHeader({ alg: 'ES256', typ, kid })
        .sign(key)
    const hints = {
      none: undefined,
      'another sign-in of the same user': other.tokens.id_token,
      'an access token': tokens.access_token,
      'not signed by us': await signed(privateKey),
      'another kind of token': await signed(ownKey, 'logout+jwt'),
      'another issuer': await signed(ownKey, 'JWT', { iss: 'https://other.example' }),
      'another user': await signed(ownKey, 'JWT', { sub: '00000000-0000-4000-8000-000000000002' }),
      "another client's session": await signed(ownKey, 'JWT', { aud: 'native-app' }),
      'several audiences': await signed(ownKey, 'JWT', { aud: ['web-app', 'native-app'] }),
      nonsense: 'x.y.z',
      'too long': 'x'.repeat(9000)
    }
    for (const [what, hint] of Object.entries(hints)) {
      const page = await user.get(logoutUrl({ id_token_hint: hint }))
      t.match([page.statusCode, page.body], [200, /Log out\?[^]*<strong>customer1<\/strong>/], what)
      t.match(
        page.headers,
        {
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
          'x-frame-options': 'DENY',
          'content-security-policy': /default-src 'none'.*form-action 'self'; frame-ancestors 'none'/
        },
        what
      )
      t.notMatch(page.body, /<script/i)
    }
    t.ok(await isSignedIn(user))
    t.ok(await lives(tokens), 'nothing has ended')
    t.equal((await user.get(logoutUrl({ id_token_hint: await signed(ownKey), state: 's' }))).statusCode, 200)
    t.notOk(await lives(tokens), 'the claims alone were wrong above: with the right ones it ends')
  }
)

t.test('O-37: the user confirms, and the browser goes where the client is registered to have it', async t => {
  const { user, tokens, lives, events } = await start(t)
  const page = await user.get(
    logoutUrl({ client_id: 'web-app', post_logout_redirect_uri: 'com.example.app:/bye', state: '"><script>' })
  )
  t.match(page.headers['content-security-policy'], /form-action 'self' com\.example\.app:;/)
  t.notMatch(page.body, /<script/i)
  const answer = await user.submit(page, {})
  t.strictSame(
    [answer.statusCode, answer.headers.location],
    [303, `com.example.app:/bye?${new URLSearchParams({ state: '"><script>' }).toString()}`]
  )
  t.notOk(user.cookies.has(SIGN_IN))
  t.notOk(await lives(tokens))
  t.ok(
    events.some(({ stage, outcome, reason }) => stage === 'session' && outcome === 'success' && reason === 'signed-out')
  )
})

t.test('O-37: an address that is not registered for this client, character by character, leads nowhere', async t => {
  const { app } = await start(t)
  for (const [client, uri] of [
    ['web-app', 'https://rp.example/bye/'],
    ['web-app', 'https://rp.example/bye?'],
    ['web-app', 'https://rp.example/BYE'],
    ['web-app', 'https://rp.example:443/bye'],
    ['web-app', 'http://127.0.0.1:9090/callback'],
    ['web-app', 'https://native.example/bye'],
    ['web-app', '//rp.example/bye'],
    ['nobody', URLS[0]],
    [undefined, URLS[0]]
  ] as const) {
    const { user, tokens } = await codeFlow(app)
    const hinted = await user.get(
      logoutUrl({
        id_token_hint: tokens.id_token,
        ...(client === 'web-app' ? { client_id: client } : {}),
        post_logout_redirect_uri: client === 'web-app' ? uri : 'https://evil.example/'
      })
    )
    t.match([hinted.statusCode, hinted.headers.location, hinted.body], [200, undefined, /Logged out/], String(uri))
    const { user: asked } = await codeFlow(app)
    const confirmed = await asked.submit(
      await asked.get(logoutUrl({ client_id: client, post_logout_redirect_uri: uri })),
      {}
    )
    t.match([confirmed.statusCode, confirmed.headers.location], [200, undefined], `${String(client)} ${uri}`)
  }
})

t.test('O-37: an id_token and a client_id that disagree, and a parameter that is there twice, are refused', async t => {
  const { user, tokens, lives } = await start(t)
  const foreign = await user.get(
    logoutUrl({
      id_token_hint: tokens.id_token,
      client_id: 'native-app',
      post_logout_redirect_uri: 'https://native.example/bye'
    })
  )
  t.match([foreign.statusCode, foreign.headers.location, foreign.body], [400, undefined, /two applications/])
  const twice = await user.get(`${logoutUrl({ id_token_hint: tokens.id_token })}&state=1&state=2`)
  t.equal(twice.statusCode, 400)
  t.ok(await lives(tokens))
})

t.test('O-37: a confirmation that this server did not show in this browser ends nothing', async t => {
  const { app, user, lives, tokens } = await start(t)
  const page = await user.get(logoutUrl({}))
  const { action, values } = formOf(page.body)
  t.equal((await user.post(action, { ...values, csrf: 'x' })).statusCode, 400)
  t.equal((await user.post(action, {})).statusCode, 400)
  const stranger = browser(app)
  const theirs = formOf((await (await codeFlow(app, { user: stranger })).user.get(logoutUrl({}))).body).values
  t.equal((await user.post(action, theirs)).statusCode, 400, 'the token of another browser')
  user.headers = { 'sec-fetch-site': 'cross-site' }
  const foreign = await app.inject({
    method: 'POST',
    url: action,
    payload: new URLSearchParams(values).toString(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'cross-site',
      cookie: [...user.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    }
  })
  t.equal(foreign.statusCode, 400)
  t.ok(await lives(tokens))
  user.headers = {}
  t.equal((await user.post(action, values)).statusCode, 200, 'the real one works')
  t.notOk(await lives(tokens))
  t.equal((await user.post(action, values)).statusCode, 200, 'twice is as well')
})

t.test(
  "a logout that is posted from a client's page becomes a link, with which the browser brings its cookie",
  async t => {
    const { app, user, tokens, lives } = await start(t)
    const posted = await app.inject({
      method: 'POST',
      url: '/oauth2/end-session',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'cross-site',
        origin: 'https://rp.example'
      },
      payload: new URLSearchParams({
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: BYE,
        state: 's',
        other: 'x'
      }).toString()
    })
    t.equal(posted.statusCode, 303)
    t.ok(await lives(tokens), 'nothing has ended yet')
    const target = String(posted.headers.location)
    t.match(target, /^\/oauth2\/end-session\?id_token_hint=/)
    t.notMatch(target, /other/)
    t.equal((await user.get(target)).headers.location, `${BYE}&state=s`)
    t.notOk(await lives(tokens))
  }
)

t.test('where nobody is logged in any more, an id_token ends its own session and the browser goes back', async t => {
  const { app, user, tokens, lives } = await start(t)
  const second = (await codeFlow(app, { user })).tokens
  const stranger = browser(app)
  const answer = await stranger.get(logoutUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: URLS[0] }))
  t.strictSame([answer.statusCode, answer.headers.location], [303, URLS[0]])
  t.strictSame([await lives(tokens), await lives(second)], [false, true])
  t.equal(
    (await stranger.get(logoutUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: URLS[0] }))).statusCode,
    303,
    'and again'
  )
  const bare = await stranger.get(logoutUrl({ client_id: 'web-app', post_logout_redirect_uri: URLS[0] }))
  t.match(
    [bare.statusCode, bare.headers.location, bare.body],
    [200, undefined, /Logged out/],
    'without one there is nobody to ask, and no redirect'
  )
})

t.test('a logout whose audit row cannot be written ends nothing', async t => {
  const { db, user, tokens, lives, isSignedIn } = await start(t)
  await db.raw('alter table audit_events rename to audit_events_gone')
  const answer = await user.get(logoutUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: URLS[0] }))
  t.match([answer.statusCode, answer.headers.location], [503, undefined])
  await db.raw('alter table audit_events_gone rename to audit_events')
  t.ok(await lives(tokens))
  t.ok(await isSignedIn(user))
})

t.test('a code that was allowed before the logout gives nothing after it', async t => {
  const { app, user } = await start(t)
  const { verifier, challenge } = pkce()
  let response = await user.get(authorizeUrl(requestOf(challenge)))
  if (response.body.includes('name="password"')) response = await user.submit(response, credentialsOf('customer1'))
  if (response.body.includes('value="allow"')) response = await user.submit(response, { decision: 'allow' })
  const code = new URL(String(response.headers.location)).searchParams.get('code') ?? ''
  await user.submit(await user.get(logoutUrl({})), {})
  t.match(
    (
      await token(app, 'web-app', {
        grant_type: 'authorization_code',
        code,
        redirect_uri: 'http://127.0.0.1:9090/callback',
        code_verifier: verifier
      })
    ).body,
    { error: 'invalid_grant' }
  )
})

t.test("the logout works under the issuer's path", async t => {
  const { app } = await startServer(t, { issuer: `${SETTINGS.issuer}/tenants/one` })
  const user = browser(app)
  await user.submit(
    await user.get(authorizeUrl(requestOf(pkce().challenge), '/tenants/one')),
    credentialsOf('customer1')
  )
  const confirmed = await user.submit(await user.get(`/tenants/one${logoutUrl({})}`), {})
  t.match([confirmed.statusCode, confirmed.body], [200, /Logged out/])
  t.notOk(user.cookies.has(SIGN_IN))
})

t.test('O-37: the name of a session tells whom a logout means; the user is asked all the same', async t => {
  const { app, user, tokens, isSignedIn } = await start(t)
  const asking = { client_id: 'web-app', post_logout_redirect_uri: BYE, ui_locales: 'ko' }
  const own = String(claimsOf(tokens.access_token)['sid'])
  const page = await user.get(logoutUrl({ ...asking, logout_hint: own }))
  t.equal(page.statusCode, 200)
  t.notMatch(page.body, '다른 사용자')
  t.match(formOf(page.body).values, { logout_hint: own, ui_locales: 'ko' })
  t.ok(await isSignedIn(user))

  const other = browser(app)
  const { challenge, verifier } = pkce()
  const form = await other.get(authorizeUrl(requestOf(challenge, { scope: 'openid orders:read' })))
  let answer = await other.submit(form, credentialsOf('customer2'))
  if (answer.body.includes('value="allow"')) answer = await other.submit(answer, { decision: 'allow' })
  const code = new URL(String(answer.headers.location)).searchParams.get('code') ?? ''
  const redirect = { redirect_uri: 'http://127.0.0.1:9090/callback', code_verifier: verifier }
  const theirs = await token(app, 'web-app', { grant_type: 'authorization_code', code, ...redirect })
  const theirSession = String(claimsOf(theirs.body.access_token)['sid'])
  t.match((await user.get(logoutUrl({ ...asking, logout_hint: theirSession }))).body, '다른 사용자에 대한 것입니다')

  const another = String((await login(app, 'customer2')).body.access_token)
  for (const hint of [
    String(claimsOf(another)['sid']),
    'customer1',
    '00000000-0000-4000-8000-000000000001',
    'x'.repeat(999)
  ]) {
    const shown = await user.get(logoutUrl({ ...asking, logout_hint: hint }))
    t.equal(shown.statusCode, 200, hint)
    t.notMatch(shown.body, '다른 사용자', 'a session of another client, or none, says nothing')
  }
})

t.test(
  'where nobody is logged in any more, the name of a session of the client leads back, and nothing else does',
  async t => {
    const { app, tokens } = await start(t)
    const asking = { client_id: 'web-app', post_logout_redirect_uri: BYE }
    const nobody = browser(app)
    const own = String(claimsOf(tokens.access_token)['sid'])
    t.equal((await nobody.get(logoutUrl({ ...asking, logout_hint: own }))).headers.location, BYE)
    const foreign = String(claimsOf((await login(app)).body.access_token)['sid'])
    for (const hint of [undefined, foreign, randomUUID(), 'customer1']) {
      t.equal(
        (await nobody.get(logoutUrl({ ...asking, logout_hint: hint }))).headers.location,
        undefined,
        hint ?? 'none'
      )
    }
  }
)
