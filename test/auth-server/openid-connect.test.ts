import { createHash } from 'node:crypto'
import { admin } from '@sallyport/auth-server'
import type { FastifyInstance } from 'fastify'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { administration } from '../support/administration.ts'
import {
  claimsOf,
  exchange,
  FACTS,
  ISSUER,
  login,
  refresh,
  startServer,
  token
} from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, credentialsOf, pkce, redirectOf, requestOf } from '../support/browser.ts'
import { codeFlow, idTokenOf, type CodeTokens } from './support/code-flow.ts'

const { subject } = FACTS.users.customer1

async function verified(app: FastifyInstance, idToken: string, nowMs: number) {
  const keys = createLocalJWKSet((await app.inject('/oauth2/jwks')).json<JSONWebKeySet>())
  return await jwtVerify(idToken, keys, {
    issuer: ISSUER,
    audience: 'web-app',
    typ: 'JWT',
    algorithms: ['ES256'],
    currentDate: new Date(nowMs)
  })
}

const userInfo = async (app: FastifyInstance, bearer: string | null, method: 'GET' | 'POST' = 'GET') =>
  await app.inject({
    method,
    url: '/oauth2/userinfo',
    headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` }
  })

t.test(
  'O-36: an id_token names user, client, session, nonce, login time and the access token, and no more',
  async t => {
    const { app, clock } = await startServer(t)
    const first = await codeFlow(app, { nonce: 'nonce-1' })
    const { payload } = await verified(app, idTokenOf(t, first.tokens), clock.ms)
    const seconds = Math.floor(clock.ms / 1000)
    t.strictSame(payload, {
      iss: ISSUER,
      sub: subject,
      aud: 'web-app',
      exp: seconds + 300,
      iat: seconds,
      auth_time: seconds,
      nonce: 'nonce-1',
      sid: claimsOf(first.tokens.access_token).sid,
      at_hash: createHash('sha256').update(first.tokens.access_token).digest().subarray(0, 16).toString('base64url'),
      amr: ['pwd']
    })
    t.equal(first.tokens.scope, 'openid orders:read')
    clock.advance(100)
    const second = await codeFlow(app, { user: first.user, scope: 'openid profile' })
    const { payload: later } = await verified(app, idTokenOf(t, second.tokens), clock.ms)
    t.match(later, { auth_time: seconds, iat: seconds + 100, preferred_username: 'customer1' }, 'the login was then')
    t.notOk('nonce' in later)
    t.not(later.sid, payload.sid)
  }
)

t.test('O-36: a refreshed id_token keeps subject, session and login time and has no nonce', async t => {
  const { app, clock } = await startServer(t)
  const { tokens } = await codeFlow(app, { nonce: 'nonce-1', scope: 'openid profile orders:read' })
  clock.advance(60)
  const renewed = (await refresh(app, tokens.refresh_token, {}, 'web-app')).body as CodeTokens
  const [before, after] = [
    claimsOf(idTokenOf(t, tokens)),
    (await verified(app, idTokenOf(t, renewed), clock.ms)).payload
  ]
  for (const name of ['iss', 'sub', 'aud', 'sid', 'auth_time', 'preferred_username']) {
    t.strictSame(after[name], before[name], name)
  }
  t.notOk('nonce' in after)
  t.not(after.at_hash, before.at_hash)
  t.equal(after.iat, Number(before.iat) + 60)
  const narrowed = (await refresh(app, renewed.refresh_token, { scope: 'openid orders:read' }, 'web-app'))
    .body as CodeTokens
  t.notOk('preferred_username' in claimsOf(idTokenOf(t, narrowed)), 'narrowed')
  t.notOk(
    'id_token' in (await refresh(app, narrowed.refresh_token, { scope: 'orders:read' }, 'web-app')).body,
    'without openid'
  )
})

t.test('O-36: without openid, and outside of the code flow, there is no id_token and no such scope', async t => {
  const { app, db } = await startServer(t)
  const { tokens } = await codeFlow(app, { scope: 'orders:read' })
  t.notOk('id_token' in tokens)
  t.notOk('id_token' in (await codeFlow(app, { scope: 'profile orders:read' })).tokens)
  const unasked = await codeFlow(app, { scope: undefined })
  t.notMatch(unasked.tokens.scope, /openid|profile/, 'not without being asked for')
  await db('clients')
    .whereIn('id', ['gateway', 'machine-client'])
    .update({ scopes: db.raw("scopes || '{openid,profile}'") })
  const session = await login(app)
  t.notMatch(session.body.scope, /openid|profile/)
  t.notOk('id_token' in session.body)
  const asked = await login(app, 'customer1', { scope: 'openid orders:read' })
  t.equal(asked.body.scope, 'orders:read')
  t.equal(
    (await token(app, 'machine-client', { grant_type: 'client_credentials', scope: 'openid' })).body.error,
    'invalid_scope'
  )
  t.notMatch((await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.scope, /openid/)
})

t.test('O-24: an exchange carries no openid scope to another audience', async t => {
  const { app } = await startServer(t)
  const { tokens } = await codeFlow(app, { scope: 'openid profile orders:read' })
  t.equal((await exchange(app, tokens.access_token, 'order-service')).body.scope, 'orders:read')
  t.match(await exchange(app, tokens.access_token, 'order-service', { scope: 'openid' }), {
    status: 400,
    body: { error: 'invalid_scope' }
  })
})

t.test('userinfo tells who the user is, by GET and POST, and the name with the scope profile only', async t => {
  const { app, another } = await startServer(t)
  const [plain, named] = [(await codeFlow(app)).tokens, (await codeFlow(app, { scope: 'openid profile' })).tokens]
  for (const method of ['GET', 'POST'] as const) {
    const answer = await userInfo(app, plain.access_token, method)
    t.strictSame([answer.statusCode, answer.json()], [200, { sub: subject }])
    t.match(answer.headers, { 'cache-control': 'no-store', 'content-type': /^application\/json/ })
    t.strictSame((await userInfo(app, named.access_token, method)).json(), {
      sub: subject,
      preferred_username: 'customer1'
    })
  }
  const form = await app.inject({
    method: 'POST',
    url: '/oauth2/userinfo',
    headers: { authorization: `Bearer ${plain.access_token}`, 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'a=b'
  })
  t.equal(form.statusCode, 200)
  t.equal((await userInfo(await another(), plain.access_token)).statusCode, 200, 'on any instance')
})

t.test('userinfo refuses what is no live token of a user with the scope openid, and says nothing more', async t => {
  const { app, db, clock, events } = await startServer(t)
  const { tokens, user } = await codeFlow(app)
  const edge = (await login(app)).body.access_token
  const machine = (await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.access_token
  const scopeless = await userInfo(app, edge)
  t.match(
    [scopeless.statusCode, scopeless.headers['www-authenticate']],
    [403, 'Bearer error="insufficient_scope", scope="openid"']
  )
  t.equal(
    (await userInfo(app, (await exchange(app, tokens.access_token, 'auth-server')).body.access_token)).statusCode,
    403,
    'an exchanged token'
  )
  for (const [bearer, what] of [
    [machine, "a client's own token"],
    [`${tokens.access_token}x`, 'changed'],
    [tokens.id_token ?? '', 'an id_token'],
    [tokens.refresh_token ?? '', 'a refresh token']
  ] as const) {
    const { statusCode, headers, body } = await userInfo(app, bearer)
    t.match(
      [statusCode, headers['www-authenticate'], headers['cache-control']],
      [401, /Bearer realm="api", error="invalid_token"$/, 'no-store'],
      what
    )
    t.notMatch(body, /sub|customer/, what)
  }
  t.equal(events.filter(({ reason }) => reason === 'claim-missing').length, 1)
  const bare = await userInfo(app, null)
  t.equal(bare.statusCode, 401)
  t.match(bare.headers['www-authenticate'], /^DPoP .*, Bearer realm="api"$/, 'no error code without credentials')
  const hidden = await app.inject({
    method: 'POST',
    url: `/oauth2/userinfo?access_token=${tokens.access_token}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `access_token=${tokens.access_token}`
  })
  t.equal(hidden.statusCode, 401, 'the header only')
  clock.advance(300)
  t.equal((await userInfo(app, tokens.access_token)).statusCode, 401, 'expired')
  const renewed = (await codeFlow(app, { user })).tokens
  t.equal((await userInfo(app, renewed.access_token)).statusCode, 200)
  await admin.disableUser(administration(db), subject)
  t.equal((await userInfo(app, renewed.access_token)).statusCode, 401, 'user disabled')
})

t.test('a token with the scope openid opens no other resource of this server', async t => {
  const { app } = await startServer(t)
  const { tokens } = await codeFlow(app, { scope: 'openid profile orders:read' })
  for (const url of ['/sessions', '/admin/users', '/audit']) {
    t.equal(
      (await app.inject({ url, headers: { authorization: `Bearer ${tokens.access_token}` } })).statusCode,
      401,
      url
    )
  }
})

t.test('O-25: the metadata has what works of OpenID Connect', async t => {
  const { app } = await startServer(t)
  const metadata = (await app.inject('/.well-known/openid-configuration')).json()
  t.match(metadata, {
    userinfo_endpoint: `${ISSUER}/oauth2/userinfo`,
    end_session_endpoint: `${ISSUER}/oauth2/end-session`,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    request_uri_parameter_supported: false,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true
  })
  for (const scope of ['openid', 'profile', 'orders:read']) t.ok(metadata.scopes_supported.includes(scope), scope)
  const { tokens } = await codeFlow(app, { scope: 'openid profile', nonce: 'n' })
  t.strictSame(Object.keys(claimsOf(idTokenOf(t, tokens))).sort(), [...metadata.claims_supported].sort())
  for (const name of ['userinfo_endpoint', 'end_session_endpoint']) {
    t.not((await app.inject(new URL(metadata[name]).pathname)).statusCode, 404, name)
  }
})

t.test(
  'an id_token_hint of another user asks for a login, and one that is no id token of the client is refused',
  async t => {
    const { app } = await startServer(t)
    const { tokens, user } = await codeFlow(app)
    const ask = async (more: Record<string, string>) =>
      redirectOf(
        await user.get(authorizeUrl(requestOf(pkce().challenge, { scope: 'openid', prompt: 'none', ...more })))
      ).answer
    t.match(await ask({ id_token_hint: tokens.id_token ?? '' }), { code: /./ })
    const another = browser(app)
    await authorized(another, authorizeUrl(requestOf(pkce().challenge)), 'customer2')
    const other = (await codeFlow(app, { user: another })).tokens.id_token ?? ''
    t.match(await ask({ id_token_hint: other }), { error: 'login_required', code: undefined })
    const page = await user.get(authorizeUrl(requestOf(pkce().challenge, { scope: 'openid', id_token_hint: other })))
    t.match(page.body, /name="password"/)
    t.match(
      redirectOf(await user.submit(page, credentialsOf('customer1'))).answer,
      { error: 'login_required', code: undefined },
      'not in circles'
    )
    const right = await user.get(authorizeUrl(requestOf(pkce().challenge, { scope: 'openid', id_token_hint: other })))
    t.match(redirectOf(await user.submit(right, credentialsOf('customer2'))).answer, { code: /./ })
    for (const hint of ['x', tokens.access_token, `${tokens.id_token ?? ''}x`]) {
      t.match(await ask({ id_token_hint: hint }), { error: 'invalid_request', code: undefined })
    }
  }
)
