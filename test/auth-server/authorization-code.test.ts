import { admin } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import {
  claimsOf,
  introspect,
  ISSUER,
  refresh,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, NATIVE_APP, pkce, requestOf, WEB_APP } from '../support/browser.ts'

const codeGrant = (code: string | undefined, verifier: string, more: Record<string, string> = {}) => ({
  grant_type: 'authorization_code',
  code: code ?? '',
  redirect_uri: WEB_APP.redirect_uri,
  code_verifier: verifier,
  ...more
})

/** A code that a user has just allowed the web app. */
async function freshCode({ app }: TestServer, more: Record<string, string | undefined> = {}) {
  const { verifier, challenge } = pkce()
  const user = browser(app)
  const { answer } = await authorized(user, authorizeUrl(requestOf(challenge, more)))
  return { code: answer.code ?? '', verifier, user }
}

t.test('a user logs in, allows a client, and the client gets tokens of that user', async t => {
  const server = await startServer(t)
  const { app, db } = server
  const { verifier, challenge } = pkce()
  const user = browser(app)
  const { to, answer } = await authorized(user, authorizeUrl(requestOf(challenge)))
  t.equal(to, WEB_APP.redirect_uri)
  t.match(answer, { state: 'state-1', iss: ISSUER, code: /^[\w-]{43}$/ })
  const { status, body, headers } = await token(app, 'web-app', codeGrant(answer.code, verifier))
  t.match([status, body.token_type, body.scope], [200, 'Bearer', 'orders:read'])
  t.equal(headers['cache-control'], 'no-store')
  t.match(claimsOf(body.access_token), {
    sub: '00000000-0000-4000-8000-000000000001',
    aud: 'sallyport-gateway',
    client_id: 'web-app',
    roles: ['CUSTOMER']
  })
  const next = await refresh(app, body.refresh_token, {}, 'web-app')
  t.equal(next.status, 200, 'the refresh token works')
  const actions = (await db('audit_events').select('action', 'outcome')).map(
    ({ action, outcome }) => `${action} ${outcome}`
  )
  for (const action of ['sign-in.start', 'authorization.grant', 'session.start', 'session.refresh']) {
    t.ok(actions.includes(`${action} success`), action)
  }
})

t.test('a public client gets tokens with its verifier alone, and is asked for consent each time', async t => {
  const { app } = await startServer(t)
  const user = browser(app)
  for (const port of ['9091', '53211']) {
    const { verifier, challenge } = pkce()
    const redirect = `http://127.0.0.1:${port}/callback`
    const page = await user.get(authorizeUrl(requestOf(challenge, { ...NATIVE_APP, redirect_uri: redirect })))
    const asked = page.body.includes('name="password"')
      ? await user.submit(page, { username: 'customer1', password: 'password of user 1' })
      : page
    t.match(asked.body, /Allow access\?/, 'nobody else on the device can take the answer silently')
    const { answer } = await authorized(
      user,
      authorizeUrl(requestOf(challenge, { ...NATIVE_APP, redirect_uri: redirect }))
    )
    const { status, body } = await token(
      app,
      null,
      codeGrant(answer.code, verifier, { client_id: 'native-app', redirect_uri: redirect })
    )
    t.match([status, body.refresh_token], [200, /^[\w-]{43}$/], port)
  }
})

t.test('O-01: a code is used once, and its second use ends everything that was issued for it', async t => {
  const server = await startServer(t)
  const { app, events } = server
  const { code, verifier } = await freshCode(server)
  const first = await token(app, 'web-app', codeGrant(code, verifier))
  t.equal((await introspect(app, first.body.access_token, 'gateway')).active, true)
  const second = await token(app, 'web-app', codeGrant(code, verifier))
  t.match([second.status, second.body.error, second.body.access_token], [400, 'invalid_grant', undefined])
  t.match(events.at(-1), { reason: 'code-reused', outcome: 'denied' })
  t.strictSame(await introspect(app, first.body.access_token, 'gateway'), { active: false })
  t.equal((await refresh(app, first.body.refresh_token, {}, 'web-app')).body.error, 'invalid_grant')
})

t.test('O-01: a second use without the verifier ends it too, another client’s attempt does not', async t => {
  const server = await startServer(t)
  const { app } = server
  const { code, verifier } = await freshCode(server)
  const first = await token(app, 'web-app', codeGrant(code, verifier))
  t.equal((await token(app, 'gateway', codeGrant(code, verifier))).body.error, 'invalid_grant')
  t.equal(
    (await introspect(app, first.body.access_token, 'gateway')).active,
    true,
    'another client cannot log anybody out'
  )
  t.equal((await token(app, 'web-app', codeGrant(code, pkce().verifier))).body.error, 'invalid_grant')
  t.strictSame(await introspect(app, first.body.access_token, 'gateway'), { active: false })
})

t.test('O-01: of 20 uses at the same time over two instances at most one gets tokens', async t => {
  const server = await startServer(t)
  const other = await server.another()
  const { code, verifier } = await freshCode(server)
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      async (_, position) => await token(position % 2 === 0 ? server.app : other, 'web-app', codeGrant(code, verifier))
    )
  )
  t.strictSame(answers.filter(({ status }) => status === 200).length, 1)
  t.ok(answers.every(({ status }) => status === 200 || status === 400))
  const sessions = await server.db('sessions').where({ client_id: 'web-app' })
  t.equal(sessions.length, 1)
  t.equal(sessions[0].end_reason, 'code-reused')
})

t.test('O-02: a code is good for a minute', async t => {
  const server = await startServer(t)
  const early = await freshCode(server)
  server.clock.advance(59)
  t.equal((await token(server.app, 'web-app', codeGrant(early.code, early.verifier))).status, 200)
  const late = await freshCode(server)
  server.clock.advance(60)
  t.equal((await token(server.app, 'web-app', codeGrant(late.code, late.verifier))).body.error, 'invalid_grant')
  t.match(server.events.at(-1), { reason: 'code-expired' })
})

t.test('O-03: PKCE with S256 is required of every client: plain, missing and downgraded are refused', async t => {
  const server = await startServer(t)
  const { app } = server
  const { challenge, verifier } = pkce()
  const user = browser(app)
  for (const more of [
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge: undefined },
    { code_challenge_method: undefined },
    { code_challenge_method: 'plain' },
    { code_challenge_method: 's256' },
    { code_challenge: verifier.slice(1) },
    { code_challenge: `${challenge}=` }
  ]) {
    for (const client of [WEB_APP, NATIVE_APP]) {
      const { to, answer } = await authorized(user, authorizeUrl(requestOf(challenge, { ...client, ...more })))
      t.match(
        [to, answer.error, answer.code, answer.state],
        [client.redirect_uri, 'invalid_request', undefined, 'state-1'],
        JSON.stringify(more)
      )
    }
  }
  const { code } = await freshCode(server)
  for (const [wrong, error] of [
    [pkce().verifier, 'invalid_grant'],
    ['', 'invalid_request'],
    [challenge, 'invalid_grant'],
    ['short', 'invalid_request'],
    ['ü'.repeat(43), 'invalid_request']
  ] as const) {
    t.equal((await token(app, 'web-app', codeGrant(code, wrong))).body.error, error, wrong)
  }
})

t.test('O-04: a code is bound to its client and its redirect URI', async t => {
  const server = await startServer(t)
  const { app, events } = server
  const { code, verifier } = await freshCode(server)
  for (const [client, more, reason] of [
    ['gateway', {}, 'code-foreign'],
    [null, { client_id: 'native-app' }, 'code-foreign'],
    ['web-app', { redirect_uri: `${WEB_APP.redirect_uri}/` }, 'code-redirect-uri'],
    ['web-app', { redirect_uri: '' }, 'code-redirect-uri'],
    ['web-app', { code: `${code}x` }, 'code-unknown']
  ] as const) {
    t.match(
      await token(app, client, codeGrant(code, verifier, more)),
      { status: 400, body: { error: 'invalid_grant' } },
      reason
    )
    t.equal(events.at(-1)?.reason, reason)
  }
  t.equal((await token(app, 'web-app', codeGrant(code, verifier))).status, 200, 'none of that has used it up')
})

t.test('a code whose user has logged out, been disabled or changed the password in between gives nothing', async t => {
  const server = await startServer(t)
  const administrative = administration(server.db, () => server.clock.ms)
  const subject = '00000000-0000-4000-8000-000000000001'
  const changes: Array<[string, () => Promise<unknown>]> = [
    [
      'sign-in ended',
      async () => {
        await server.db('sign_ins').update({ ended_at: new Date(server.clock.ms) })
      }
    ],
    [
      'sign-in idle',
      async () => {
        await server.db('sign_ins').update({ idle_expires_at: new Date(server.clock.ms) })
      }
    ],
    [
      'password changed',
      async () => {
        await admin.setPassword(administrative, subject, 'password of user 1')
      }
    ],
    [
      'user disabled',
      async () => {
        await admin.disableUser(administrative, subject)
      }
    ]
  ]
  for (const [what, change] of changes) {
    const { code, verifier } = await freshCode(server)
    await change()
    const { status, body } = await token(server.app, 'web-app', codeGrant(code, verifier))
    t.match([status, body.error], [400, 'invalid_grant'], what)
  }
})

t.test('scopes are those of the request, the registration and the user’s roles together', async t => {
  const server = await startServer(t)
  const { code, verifier } = await freshCode(server, { scope: 'orders:read admin' })
  const { body } = await token(server.app, 'web-app', codeGrant(code, verifier))
  t.equal(body.scope, 'orders:read', 'the customer is no admin')
  const grown = await refresh(server.app, body.refresh_token, { scope: 'orders:read orders:write' }, 'web-app')
  t.equal(grown.body.error, 'invalid_scope')
})

t.test('scopes that belong to no audience need the registration alone', async t => {
  const server = await startServer(t)
  const { code, verifier } = await freshCode(server, { scope: 'openid orders:read' })
  const { body } = await token(server.app, 'web-app', codeGrant(code, verifier))
  t.equal(body.scope, 'openid orders:read')
  t.equal((await refresh(server.app, body.refresh_token, {}, 'web-app')).body.scope, 'openid orders:read')
})

t.test('a code for a DPoP key is good with a proof of that key only', async t => {
  const server = await startServer(t, { dpopNonceRequired: false })
  const { code, verifier } = await freshCode(server, { dpop_jkt: 'A'.repeat(43) })
  const { status, body } = await token(server.app, 'web-app', codeGrant(code, verifier))
  t.match([status, body.error], [400, 'invalid_grant'])
  t.match(server.events.at(-1), { reason: 'code-key' })
})
