import { postgresStore } from '@sallyport/auth-server'
import { connectDatabase } from '@sallyport/service-process'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import {
  ACCESS_TOKEN_TYPE,
  basic,
  claimsOf,
  EXCHANGE,
  exchange,
  FACTS,
  introspect,
  login,
  refresh,
  startServer,
  token,
  type TestServer
} from '../support/authorization-server.ts'
import {
  authorized,
  authorizeUrl,
  browser,
  credentialsOf,
  formOf,
  pkce,
  requestOf,
  WEB_APP,
  type Browser
} from '../support/browser.ts'

/** More than an answer takes on a machine that is busy; what is silent costs it. */
const TIMEOUT_MS = 1500
const { verifier, challenge } = pkce()
const CODE_URL = authorizeUrl(requestOf(challenge))

/** The server with a database that can fail, and everything that a request needs, got before it does. */
interface Faulty {
  readonly app: FastifyInstance
  readonly proxy: FaultProxy
  readonly db: Knex
  readonly clock: TestServer['clock']
  readonly have: {
    readonly refreshToken: string
    readonly accessToken: string
    readonly opaque: string
    readonly admin: string
    readonly own: string
    readonly listPath: string
    readonly code: () => Promise<string>
    readonly signedIn: Browser
    readonly forms: Record<'login' | 'consent' | 'logout' | 'password' | 'withdrawal', SavedForm>
  }
}

/** A form as a browser would send it. */
interface SavedForm {
  readonly action: string
  readonly form: Record<string, string>
  readonly cookies: string
}

function saved(user: Browser, page: LightMyRequestResponse, fields: Record<string, string>): SavedForm {
  const { action, values } = formOf(page.body)
  return { action, form: { ...values, ...fields }, cookies: [...user.cookies].map(pair => pair.join('=')).join('; ') }
}

async function startFaulty(t: Test): Promise<Faulty> {
  const { db, databaseUrl, another, clock } = await startServer(t)
  const proxy = await faultProxy(t, databaseUrl)
  const pool = connectDatabase({ databaseUrl: proxy.url, databaseConnections: 10, databaseTimeoutMs: TIMEOUT_MS })
  t.teardown(async () => {
    await pool.destroy()
  })
  const app = await another({}, { store: postgresStore(pool), unfulfilledAudit: 'record' })
  const session = (await login(app)).body
  const opaque = (await token(app, 'opaque-client', { grant_type: 'client_credentials' })).body.access_token
  const admin = (await exchange(app, (await login(app, 'admin1')).body.access_token, 'auth-server')).body.access_token
  const own = (await exchange(app, session.access_token, 'auth-server')).body.access_token
  const signedIn = browser(app)
  await authorized(signedIn, CODE_URL)
  const fresh = browser(app)
  const consent = await signedIn.get(authorizeUrl(requestOf(challenge, { prompt: 'consent' })))
  const { uri } = (claimsOf(session.access_token).status as { status_list: { uri: string } }).status_list
  return {
    app,
    proxy,
    db,
    clock,
    have: {
      refreshToken: session.refresh_token ?? '',
      accessToken: session.access_token,
      opaque,
      admin,
      own,
      listPath: new URL(uri).pathname,
      code: async () => (await authorized(signedIn, CODE_URL)).answer.code ?? '',
      signedIn,
      forms: {
        login: saved(fresh, await fresh.get(CODE_URL), credentialsOf('customer2')),
        consent: saved(signedIn, consent, { decision: 'allow' }),
        password: saved(signedIn, await signedIn.get('/account/password'), {
          current: FACTS.users.customer1.password,
          wanted: 'four words in a row',
          repeated: 'four words in a row'
        }),
        withdrawal: {
          ...saved(signedIn, await signedIn.get('/account/password'), { client_id: 'web-app' }),
          action: '/account/applications'
        },
        logout: saved(signedIn, await signedIn.get('/oauth2/end-session'), { decision: 'logout' })
      }
    }
  }
}

type Call = (faulty: Faulty, code: string) => Promise<LightMyRequestResponse>

const posted =
  (path: string, client: string, form: (faulty: Faulty, code: string) => Record<string, string>): Call =>
  async (faulty, code) =>
    await faulty.app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic(client) },
      payload: new URLSearchParams(form(faulty, code)).toString()
    })
const got =
  (url: (faulty: Faulty) => string, bearer?: (faulty: Faulty) => string): Call =>
  async faulty =>
    await faulty.app.inject({
      url: url(faulty),
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer(faulty)}` }
    })
const administered =
  (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object): Call =>
  async ({ app, have }) =>
    await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${have.admin}` },
      ...(payload === undefined ? {} : { payload })
    })

const submitted =
  (name: keyof Faulty['have']['forms']): Call =>
  async ({ app, have }) => {
    const { action, form, cookies } = have.forms[name]
    return await app.inject({
      method: 'POST',
      url: action,
      headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: cookies },
      payload: new URLSearchParams(form).toString()
    })
  }
const read = (path: string): Endpoint => ({
  route: `GET ${path}`,
  call: got(
    () => path,
    ({ have }) => have.admin
  ),
  reads: true
})
/** Is not answered before it is recorded. */
const recordedReading = (path: string): Endpoint => ({ route: `GET ${path}`, call: read(path).call })
const changed = (
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  parameters: Record<string, string> = {},
  payload?: object
): Endpoint => ({
  route: `${method} ${path}`,
  call: administered(
    method,
    Object.entries(parameters).reduce((url, [name, value]) => url.replace(`:${name}`, value), path),
    payload
  )
})
const USER = { userId: '00000000-0000-4000-8000-000000000002' }
const CLIENT = { clientId: 'machine-client' }
const ROLE = { role: 'COURIER' }
const SCOPE = { audience: 'order-service', scope: 'orders:read' }
const AUDIENCE = { audience: 'order-service' }
const KEY = { kid: 'some-key' }
const SESSION = { sessionId: '00000000-0000-4000-8000-00000000000a' }

interface Endpoint {
  /** As the server registers it. */
  readonly route: string
  readonly call: Call
  /** It changes nothing and may answer from a database that cannot be written. */
  readonly reads?: true
  /** It asks the database nothing. */
  readonly independent?: true
}

/** Every endpoint; a test compares it with the routes of the server. */
const ENDPOINTS: Record<string, Endpoint> = {
  'password grant': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'gateway', () => ({ grant_type: 'password', ...credentialsOf('customer1') }))
  },
  'refresh grant': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'gateway', ({ have }) => ({
      grant_type: 'refresh_token',
      refresh_token: have.refreshToken
    }))
  },
  'client credentials': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'machine-client', () => ({ grant_type: 'client_credentials' }))
  },
  'client credentials, opaque': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'opaque-client', () => ({ grant_type: 'client_credentials' }))
  },
  'token exchange': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'gateway', ({ have }) => ({
      grant_type: EXCHANGE,
      subject_token: have.accessToken,
      subject_token_type: ACCESS_TOKEN_TYPE,
      audience: 'order-service'
    }))
  },
  'authorization code': {
    route: 'POST /oauth2/token',
    call: posted('/oauth2/token', 'web-app', (_, code) => ({
      grant_type: 'authorization_code',
      code,
      redirect_uri: WEB_APP.redirect_uri,
      code_verifier: verifier
    }))
  },
  revocation: {
    route: 'POST /oauth2/revoke',
    call: posted('/oauth2/revoke', 'gateway', ({ have }) => ({ token: have.refreshToken }))
  },
  introspection: {
    route: 'POST /oauth2/introspect',
    call: posted('/oauth2/introspect', 'gateway', ({ have }) => ({ token: have.accessToken })),
    reads: true
  },
  'introspection, opaque': {
    route: 'POST /oauth2/introspect',
    call: posted('/oauth2/introspect', 'gateway', ({ have }) => ({ token: have.opaque })),
    reads: true
  },
  'pushed request': {
    route: 'POST /oauth2/par',
    call: posted('/oauth2/par', 'web-app', () => requestOf(challenge) as Record<string, string>)
  },
  'authorization page': { route: 'GET /oauth2/authorize', call: got(() => CODE_URL), reads: true },
  'authorization of a signed-in user': {
    route: 'GET /oauth2/authorize',
    call: async ({ have }) => await have.signedIn.get(CODE_URL)
  },
  'authorization by form': {
    route: 'POST /oauth2/authorize',
    call: posted('/oauth2/authorize', 'web-app', () => requestOf(challenge) as Record<string, string>),
    reads: true
  },
  'login form': { route: 'POST /oauth2/authorize/login', call: submitted('login') },
  'consent form': { route: 'POST /oauth2/authorize/consent', call: submitted('consent') },
  'logout page': {
    route: 'GET /oauth2/end-session',
    call: async ({ have }) => await have.signedIn.get('/oauth2/end-session'),
    reads: true
  },
  'logout by form': {
    route: 'POST /oauth2/end-session',
    call: posted('/oauth2/end-session', 'web-app', () => ({})),
    independent: true
  },
  'password page': {
    route: 'GET /account/password',
    call: async ({ have }) => await have.signedIn.get('/account/password'),
    reads: true
  },
  'allowed applications': {
    route: 'GET /account/applications',
    call: async ({ have }) => await have.signedIn.get('/account/applications'),
    reads: true
  },
  'withdrawal of a consent': { route: 'POST /account/applications', call: submitted('withdrawal') },
  'password form': { route: 'POST /account/password', call: submitted('password') },
  'logout confirmation': { route: 'POST /oauth2/end-session/confirm', call: submitted('logout') },
  'key set': { route: 'GET /oauth2/jwks', call: got(() => '/oauth2/jwks'), reads: true },
  metadata: {
    route: 'GET /.well-known/oauth-authorization-server',
    call: got(() => '/.well-known/oauth-authorization-server'),
    reads: true
  },
  'OpenID metadata': {
    route: 'GET /.well-known/openid-configuration',
    call: got(() => '/.well-known/openid-configuration'),
    reads: true
  },
  'status list': { route: 'GET /oauth2/status-lists/:listId', call: got(({ have }) => have.listPath), reads: true },
  'own sessions': {
    route: 'GET /sessions',
    call: got(
      () => '/sessions',
      ({ have }) => have.own
    ),
    reads: true
  },
  'ending all own sessions': {
    route: 'DELETE /sessions',
    call: async ({ app, have }) =>
      await app.inject({ method: 'DELETE', url: '/sessions', headers: { authorization: `Bearer ${have.own}` } })
  },
  'ending an own session': {
    route: 'DELETE /sessions/:sessionId',
    call: async ({ app, have }) =>
      await app.inject({
        method: 'DELETE',
        url: `/sessions/${SESSION.sessionId}`,
        headers: { authorization: `Bearer ${have.own}` }
      })
  },
  userinfo: {
    route: 'GET /oauth2/userinfo',
    call: got(
      () => '/oauth2/userinfo',
      ({ have }) => have.accessToken
    ),
    reads: true
  },
  'userinfo by POST': {
    route: 'POST /oauth2/userinfo',
    call: async ({ app, have }) =>
      await app.inject({
        method: 'POST',
        url: '/oauth2/userinfo',
        headers: { authorization: `Bearer ${have.accessToken}` }
      }),
    reads: true
  },
  'audit trail': read('/audit'),
  'audit trail with names': recordedReading('/audit/personal'),
  'audit trail as it grows': recordedReading('/audit/live'),
  'export of the audit trail': recordedReading('/audit/export'),
  'list of users': read('/admin/users'),
  'new user': changed('POST', '/admin/users', {}, { username: 'newcomer', password: 'a good password', roles: [] }),
  'list of roles': read('/admin/roles'),
  'new role': changed('POST', '/admin/roles', {}, { name: 'CLERK' }),
  'one role': { ...read('/admin/roles/COURIER'), route: 'GET /admin/roles/:role' },
  'edit of a role': changed('PATCH', '/admin/roles/:role', ROLE, { descriptions: { en: 'Rides' } }),
  'deletion of a role': changed('DELETE', '/admin/roles/:role', ROLE),
  'disabling a role': changed('POST', '/admin/roles/:role/disable', ROLE),
  'enabling a role': changed('POST', '/admin/roles/:role/enable', ROLE),
  'one user': {
    route: 'GET /admin/users/:userId',
    call: got(
      () => `/admin/users/${USER.userId}`,
      ({ have }) => have.admin
    ),
    reads: true
  },
  'edit of a user': changed('PATCH', '/admin/users/:userId', USER, { username: 'renamed' }),
  'deletion of a user': changed('DELETE', '/admin/users/:userId', USER),
  'change of roles': changed('PUT', '/admin/users/:userId/roles', USER, { roles: ['COURIER'] }),
  'change of password': changed('PUT', '/admin/users/:userId/password', USER, { password: 'a better password' }),
  'disabling a user': changed('POST', '/admin/users/:userId/disable', USER),
  'enabling a user': changed('POST', '/admin/users/:userId/enable', USER),
  'sessions of a user': {
    route: 'GET /admin/users/:userId/sessions',
    call: got(
      () => `/admin/users/${USER.userId}/sessions`,
      ({ have }) => have.admin
    ),
    reads: true
  },
  'ending a user’s sessions': changed('DELETE', '/admin/users/:userId/sessions', USER),
  'ending a session': changed('DELETE', '/admin/sessions/:sessionId', SESSION),
  'list of clients': read('/admin/clients'),
  'new client': changed('POST', '/admin/clients', {}, { id: 'new-client', grantTypes: [] }),
  'new secret': changed('POST', '/admin/clients/:clientId/secrets', CLIENT, { overlapSeconds: 60 }),
  'keys of a client': changed('PATCH', '/admin/clients/:clientId/keys', CLIENT, { dpopBoundTokens: false }),
  'logout of a client': changed('PATCH', '/admin/clients/:clientId/logout', CLIENT, { postLogoutRedirectUris: [] }),
  'disabling a client': changed('POST', '/admin/clients/:clientId/disable', CLIENT),
  'enabling a client': changed('POST', '/admin/clients/:clientId/enable', CLIENT),
  'one client': { ...read('/admin/clients/machine-client'), route: 'GET /admin/clients/:clientId' },
  'edit of a client': changed('PATCH', '/admin/clients/:clientId', CLIENT, { name: 'Machines' }),
  'deletion of a client': changed('DELETE', '/admin/clients/:clientId', CLIENT),
  'list of scopes': read('/admin/scopes'),
  'new scope': changed('POST', '/admin/scopes', {}, { name: 'orders:count', audience: 'order-service' }),
  'one scope': { ...read('/admin/scopes/order-service/orders:read'), route: 'GET /admin/scopes/:audience/:scope' },
  'edit of a scope': changed('PATCH', '/admin/scopes/:audience/:scope', SCOPE, { requiredRole: 'ADMIN' }),
  'deletion of a scope': changed('DELETE', '/admin/scopes/:audience/:scope', SCOPE),
  'disabling a scope': changed('POST', '/admin/scopes/:audience/:scope/disable', SCOPE),
  'enabling a scope': changed('POST', '/admin/scopes/:audience/:scope/enable', SCOPE),
  'list of audiences': read('/admin/audiences'),
  'new audience': changed('POST', '/admin/audiences', {}, { name: 'reports' }),
  'one audience': { ...read('/admin/audiences/order-service'), route: 'GET /admin/audiences/:audience' },
  'edit of an audience': changed('PATCH', '/admin/audiences/:audience', AUDIENCE, { description: 'Orders' }),
  'deletion of an audience': changed('DELETE', '/admin/audiences/:audience', AUDIENCE),
  'disabling an audience': changed('POST', '/admin/audiences/:audience/disable', AUDIENCE),
  'enabling an audience': changed('POST', '/admin/audiences/:audience/enable', AUDIENCE),
  'list of keys': read('/admin/keys'),
  'new key': changed('POST', '/admin/keys'),
  'advance of keys': changed('POST', '/admin/keys/advance'),
  'emergency rotation': changed('POST', '/admin/keys/emergency'),
  'sealing keys anew': changed('POST', '/admin/keys/reseal'),
  'removal of a key': changed('DELETE', '/admin/keys/:kid', KEY),
  'a key that is to sign': changed('POST', '/admin/keys/:kid/sign', KEY)
}

/** The routes of a server, of its printed tree. */
function routesOf(tree: string): string[] {
  const parents: string[] = []
  return tree.split('\n').flatMap(line => {
    const [, indent = '', path = '', methods = ''] = /^([│ ]*)[├└]── (\S+) \(([^)]*)\)$/.exec(line) ?? []
    if (path === '') return []
    const depth = indent.length / 4
    parents[depth] = (depth === 0 ? '' : (parents[depth - 1] ?? '')) + path
    return methods
      .split(', ')
      .filter(method => method !== 'HEAD')
      .map(method => `${method} ${parents[depth] ?? ''}`)
  })
}

t.test('the table of endpoints has every route of the server', async t => {
  const { app } = await startServer(t)
  const routes = routesOf(app.printRoutes({ commonPrefix: false }))
  t.ok(routes.length > 40)
  t.strictSame(new Set(Object.values(ENDPOINTS).map(({ route }) => route)), new Set(routes))
})

/** What would be a claim that something was done. */
const CLAIMS = /access_token|refresh_token|request_uri|"active":true|"keys"|code=/

async function refuseEverything(t: Test, faulty: Faulty, code: string, mayRead: boolean): Promise<void> {
  // Nothing that an instance remembers is fresh enough any more.
  faulty.clock.advance(20)
  await Promise.all(
    Object.entries(ENDPOINTS).map(async ([name, { call, reads, independent }]) => {
      const { statusCode, body, headers } = await call(faulty, code)
      if (independent === true) return
      if (mayRead && reads === true && statusCode < 500) return
      t.ok(statusCode >= 500, `${name}: ${statusCode}`)
      t.notMatch(`${body} ${headers.location ?? ''}`, CLAIMS, name)
      if (statusCode === 503) t.match(headers['retry-after'], /^\d+$/, `${name}: Retry-After`)
    })
  )
}

async function recover(t: Test, faulty: Faulty): Promise<void> {
  const startedAt = process.hrtime.bigint()
  for (const name of [
    'key set',
    'client credentials',
    'refresh grant',
    'introspection',
    'authorization page',
    'list of users'
  ]) {
    let status = 0
    while (status !== 200 && Number(process.hrtime.bigint() - startedAt) < 1e10) {
      status = (await ENDPOINTS[name]?.call(faulty, ''))?.statusCode ?? 0
    }
    t.equal(status, 200, `${name} works again, within ten seconds and without a restart`)
  }
}

for (const mode of ['stopped', 'silent'] as const) {
  t.test(
    `with a database that is ${mode} every endpoint answers 5xx and claims nothing, and works again afterwards`,
    async t => {
      const faulty = await startFaulty(t)
      const code = await faulty.have.code()
      faulty.proxy.set(mode)
      await refuseEverything(t, faulty, code, false)
      faulty.proxy.set('pass')
      await recover(t, faulty)
      t.equal(
        (await introspect(faulty.app, faulty.have.accessToken)).active,
        true,
        'the session that was asked to end has not'
      )
      t.equal(
        (await ENDPOINTS['authorization code']?.call(faulty, code))?.statusCode,
        200,
        'and the code was not used up'
      )
    }
  )
}

t.test('with a database that cannot be written, nothing is issued or changed', async t => {
  const faulty = await startFaulty(t)
  const { db } = faulty
  const code = await faulty.have.code()
  const name = new URL(faulty.proxy.url).pathname.slice(1)
  const reconnect = async () =>
    await db.raw(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = ? and pid <> pg_backend_pid()',
      [name]
    )
  await db.raw('alter database ?? set default_transaction_read_only = on', [name])
  await reconnect()
  await refuseEverything(t, faulty, code, true)
  await db.raw('alter database ?? set default_transaction_read_only = off', [name])
  await reconnect()
  await recover(t, faulty)
})

const count = async (db: Knex, table: string, condition: Record<string, unknown>): Promise<number> =>
  Number((await db(table).where(condition).count('* as n'))[0]?.n)

// The transactions that are cut name sessions: a job in the background commits too, and is not meant.
for (const mode of ['cut-before-commit', 'cut-after-commit'] as const) {
  t.test(`a refresh whose ${mode} is answered 5xx and, repeated, gives the one successor`, async t => {
    const { app, proxy, db, have } = await startFaulty(t)
    // One statement, which commits by itself.
    proxy.set(mode, '', 'sallyport-rotations')
    const failed = await refresh(app, have.refreshToken)
    t.ok(failed.status >= 500, String(failed.status))
    t.equal(proxy.strikes(), 1)
    t.notMatch(failed.text, CLAIMS)
    const [first, second] = [await refresh(app, have.refreshToken), await refresh(app, have.refreshToken)]
    t.equal(first.status, 200)
    t.equal(first.body.refresh_token, second.body.refresh_token)
    const { sid } = claimsOf(have.accessToken)
    t.equal(await count(db, 'refresh_tokens', { session_id: sid }), 2, 'the first token and one successor')
    const rotations = { action: 'session.refresh', resource_id: sid, reason: null }
    t.equal(await count(db, 'audit_events', rotations), 1, 'and one row of it')
  })

  t.test(`a revocation whose ${mode} is answered 5xx and, repeated, done`, async t => {
    const { app, proxy, have } = await startFaulty(t)
    proxy.set(mode, 'sessions')
    const failed = await ENDPOINTS.revocation?.call({ app, have } as Faulty, '')
    t.ok((failed?.statusCode ?? 0) >= 500)
    t.equal((await ENDPOINTS.revocation?.call({ app, have } as Faulty, ''))?.statusCode, 200)
    t.strictSame(await introspect(app, have.accessToken), { active: false })
    t.equal((await refresh(app, have.refreshToken)).body.error, 'invalid_grant')
  })

  t.test(`a login whose ${mode} is answered 5xx; nobody holds what it began`, async t => {
    const { app, proxy, db } = await startFaulty(t)
    const before = await count(db, 'sessions', {})
    proxy.set(mode, 'sessions')
    const failed = await login(app, 'customer2')
    t.ok(failed.status >= 500)
    t.notMatch(failed.text, CLAIMS)
    t.equal(
      (await count(db, 'sessions', {})) - before,
      mode === 'cut-after-commit' ? 1 : 0,
      'at most a session whose refresh token left in no answer'
    )
    t.equal((await login(app, 'customer2')).status, 200)
    const starts = await count(db, 'audit_events', { action: 'session.start' })
    t.equal(starts, await count(db, 'sessions', {}), 'each session has its audit row')
  })

  t.test(`a code whose ${mode} is answered 5xx, and gives one session at most`, async t => {
    const faulty = await startFaulty(t)
    const code = await faulty.have.code()
    const before = await count(faulty.db, 'sessions', { client_id: 'web-app' })
    faulty.proxy.set(mode, 'sessions')
    const failed = await ENDPOINTS['authorization code']?.call(faulty, code)
    t.ok((failed?.statusCode ?? 0) >= 500)
    const again = await ENDPOINTS['authorization code']?.call(faulty, code)
    // A code that was committed as used is used: its second use ends the session that nobody holds, and the user logs
    // in again.
    t.equal(again?.statusCode, mode === 'cut-after-commit' ? 400 : 200)
    const live = await count(faulty.db, 'sessions', { client_id: 'web-app', ended_at: null })
    t.equal(live - before, mode === 'cut-after-commit' ? 0 : 1)
  })
}
