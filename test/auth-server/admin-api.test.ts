import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import {
  claimsOf,
  exchange,
  FACTS,
  introspect,
  login,
  refresh,
  startServer,
  token
} from '../support/authorization-server.ts'

const tokenOf = async (app: FastifyInstance, username: keyof typeof FACTS.users): Promise<string> =>
  (await exchange(app, (await login(app, username)).body.access_token, 'auth-server')).body.access_token

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

async function admin(t: Test, settings = {}) {
  const server = await startServer(t, settings)
  const bearer = await tokenOf(server.app, 'admin1')
  const call = async (method: Method, url: string, body?: object) => {
    const response = await server.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${bearer}` },
      ...(body === undefined ? {} : { payload: body })
    })
    return { status: response.statusCode, body: response.body === '' ? null : response.json() }
  }
  return { ...server, call }
}

t.test('only an administrator with the admin scope gets in', async t => {
  const { app, events } = await startServer(t)
  const customer = await tokenOf(app, 'customer1')
  const narrowed = (
    await exchange(app, (await login(app, 'admin1')).body.access_token, 'auth-server', { scope: 'audit:read' })
  ).body.access_token
  const machine = (
    await exchange(
      app,
      (await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.access_token,
      'auth-server'
    )
  ).body.access_token
  const routes = app.printRoutes({ commonPrefix: false })
  t.match(routes, /admin/)
  for (const [bearer, status] of [
    [customer, 403],
    [narrowed, 403],
    [machine, 403],
    ['x', 401]
  ] as const) {
    for (const [method, url] of [
      ['GET', '/admin/users'],
      ['POST', '/admin/clients'],
      ['GET', '/admin/keys'],
      ['POST', '/admin/keys/emergency'],
      ['DELETE', '/admin/sessions/00000000-0000-4000-8000-000000000001']
    ] as const) {
      t.equal(
        (await app.inject({ method, url, headers: { authorization: `Bearer ${bearer}` } })).statusCode,
        status,
        `${method} ${url}`
      )
    }
  }
  t.ok(events.some(({ stage, reason }) => stage === 'authorization' && reason !== ''))
})

t.test('an administrator creates a user, changes roles and password, and disables', async t => {
  const { app, call } = await admin(t)
  const created = await call('POST', '/admin/users', {
    username: 'New.User',
    password: 'a good password',
    roles: ['COURIER']
  })
  t.match(created, { status: 201, body: { username: 'new.user', roles: ['COURIER'], disabled: false } })
  t.notOk(JSON.stringify(created.body).includes('argon2'))
  t.match(await call('POST', '/admin/users', { username: 'NEW.USER', password: 'four words in a row', roles: [] }), {
    status: 409,
    body: { code: 'SALLYPORT_AUTH_SERVER_NAME_TAKEN' }
  })
  const logIn = async (password: string) =>
    await token(app, 'gateway', { grant_type: 'password', username: 'new.user', password })
  const session = (await logIn('a good password')).body
  t.equal((await call('PUT', `/admin/users/${created.body.id}/roles`, { roles: ['RESTAURANT'] })).status, 204)
  t.strictSame(claimsOf((await refresh(app, session.refresh_token)).body.access_token).roles, ['RESTAURANT'])
  t.equal(
    (await call('PUT', `/admin/users/${created.body.id}/password`, { password: 'a better password' })).status,
    204
  )
  t.strictSame([(await logIn('a good password')).status, (await logIn('a better password')).status], [400, 200])
  t.equal((await call('POST', `/admin/users/${created.body.id}/disable`)).status, 204)
  t.equal((await logIn('a better password')).status, 400)
  t.ok(
    (await call('GET', '/admin/users')).body.users.find(
      (user: { username: string; disabled: boolean }) => user.username === 'new.user' && user.disabled
    )
  )
})

t.test('what is not valid is refused and nothing is coerced or dropped', async t => {
  const { call } = await admin(t)
  for (const body of [
    { username: 5, password: 'x', roles: [] },
    { username: 'a', password: 'x', roles: [], extra: 1 },
    { username: 'a', password: 'x', roles: ['lower'] },
    { username: 'a\0', password: 'x', roles: [] },
    { username: 'a', password: '\ud800', roles: [] }
  ]) {
    t.equal((await call('POST', '/admin/users', body)).status, 400, JSON.stringify(body))
  }
  t.equal((await call('PUT', '/admin/users/00000000-0000-4000-8000-0000000000ff/roles', { roles: [] })).status, 404)
  t.equal((await call('PUT', '/admin/users/no-uuid/roles', { roles: [] })).status, 400)
  for (const body of [
    { id: FACTS.users.customer1.subject, grantTypes: [] },
    { id: 'a b', grantTypes: [] },
    { id: 'pub', confidential: false, grantTypes: ['client_credentials'] }
  ]) {
    t.match(await call('POST', '/admin/clients', body), {
      status: 400,
      body: { code: 'SALLYPORT_AUTH_SERVER_VALUE_INVALID' }
    })
  }
})

t.test("an administrator sees and ends anybody's sessions", async t => {
  const { app, call } = await admin(t)
  const [first, second] = [(await login(app)).body, (await login(app, 'customer1', { session_kind: 'api' })).body]
  const { subject } = FACTS.users.customer1
  t.equal((await call('GET', `/admin/users/${subject}/sessions`)).body.sessions.length, 2)
  t.equal((await call('DELETE', `/admin/sessions/${String(claimsOf(first.access_token).sid)}`)).status, 204)
  t.equal((await call('DELETE', `/admin/sessions/${String(claimsOf(first.access_token).sid)}`)).status, 404)
  t.strictSame((await call('DELETE', `/admin/users/${subject}/sessions`)).body, { ended: 1 })
  t.strictSame(await introspect(app, second.access_token), { active: false })
})

t.test('an administrator creates a client, rotates its secret and disables it', async t => {
  const { app, call } = await admin(t)
  const created = await call('POST', '/admin/clients', {
    id: 'reporting',
    grantTypes: ['client_credentials'],
    scopes: ['orders:read'],
    defaultAudience: 'sallyport-gateway'
  })
  t.match(created, { status: 201, body: { id: 'reporting', secret: /^[\w-]{43}$/ } })
  const ask = async (secret: string) =>
    await token(app, null, { grant_type: 'client_credentials', client_id: 'reporting', client_secret: secret })
  t.equal((await ask(created.body.secret)).body.scope, 'orders:read')
  const rotated = (await call('POST', '/admin/clients/reporting/secrets', { overlapSeconds: 60 })).body.secret
  t.strictSame([(await ask(created.body.secret)).status, (await ask(rotated)).status], [200, 200])
  t.notOk(JSON.stringify((await call('GET', '/admin/clients')).body).includes(rotated))
  t.equal((await call('POST', '/admin/clients/reporting/disable')).status, 204)
  t.equal((await ask(rotated)).status, 401)
  t.equal((await call('POST', '/admin/clients/nobody/secrets', { overlapSeconds: 0 })).status, 404)
})

t.test('an administrator registers where a client and its browsers hear of a logout', async t => {
  const { app, call, db } = await admin(t)
  const logout = { backchannelLogoutUri: 'https://rp.example/out', postLogoutRedirectUris: ['https://rp.example/bye'] }
  t.match(await call('POST', '/admin/clients', { id: 'rp', grantTypes: [], ...logout }), { status: 201, body: logout })
  const change = async (clientId: string, body: object) => {
    const bearer = await tokenOf(app, 'admin1')
    return (
      await app.inject({
        method: 'PATCH',
        url: `/admin/clients/${clientId}/logout`,
        headers: { authorization: `Bearer ${bearer}` },
        payload: body
      })
    ).statusCode
  }
  t.equal(await change('rp', { backchannelLogoutUri: null }), 204)
  t.match(
    (await call('GET', '/admin/clients')).body.clients.find(({ id }: { id: string }) => id === 'rp'),
    { backchannelLogoutUri: null, postLogoutRedirectUris: logout.postLogoutRedirectUris }
  )
  t.ok(await db('audit_events').where({ action: 'client.set-logout', resource_id: 'rp' }).first())
  for (const body of [
    { backchannelLogoutUri: 'http://rp.example/' },
    { postLogoutRedirectUris: ['https://rp.example/#'] },
    { backchannelLogoutUri: 5 },
    { redirectUris: [] }
  ]) {
    t.equal(await change('rp', body), 400, JSON.stringify(body))
  }
  t.equal(await change('nobody', {}), 404)
  const customer = await tokenOf(app, 'customer1')
  t.equal(
    (
      await app.inject({
        method: 'PATCH',
        url: '/admin/clients/rp/logout',
        headers: { authorization: `Bearer ${customer}` },
        payload: {}
      })
    ).statusCode,
    403
  )
})

t.test('an administrator rotates keys, and an unsafe step is a 409 with the reason', async t => {
  const { app, call, clock } = await admin(t, { jwksMaxAgeSeconds: 10 })
  const {
    body: { kid }
  } = await call('POST', '/admin/keys')
  t.match(await call('POST', `/admin/keys/${kid}/sign`), {
    status: 409,
    body: { code: 'SALLYPORT_AUTH_SERVER_KEY_STEP_UNSAFE', title: /verifiers may hold/ }
  })
  clock.advance(11)
  t.match(await call('POST', '/admin/keys/advance'), {
    status: 200,
    body: { steps: [/retired/, `${String(kid)}: signing`] }
  })
  const { keys } = (await call('GET', '/admin/keys')).body
  t.strictSame(keys.map(({ state }: { state: string }) => state).sort(), ['retired', 'signing'])
  t.notOk(JSON.stringify(keys).includes('ealed'), 'no private part')
  t.equal((await call('DELETE', `/admin/keys/${String(kid)}`)).status, 409)
  t.equal((await call('POST', '/admin/keys/reseal')).body.resealed, 0)
  clock.advance(1)
  t.equal((await app.inject('/oauth2/jwks')).json().keys.length, 2)
  t.match((await call('POST', '/admin/keys/emergency')).body, { kid: String, breaks: Array })
})
