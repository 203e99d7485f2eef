import { admin } from '@sallyport/auth-server'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { administration } from '../support/administration.ts'
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

const sessionToken = async (app: FastifyInstance, edge: string): Promise<string> =>
  (await exchange(app, edge, 'auth-server')).body.access_token
const call = async (app: FastifyInstance, method: 'GET' | 'DELETE', url: string, bearer: string | null) => {
  return await app.inject({ method, url, headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` } })
}

t.test('a user lists the own sessions, with where they come from and which one is current', async t => {
  const { app } = await startServer(t)
  const edge = (await login(app, 'customer1', { source_address: '192.0.2.7', user_agent: 'Browser/1' })).body
    .access_token
  await login(app, 'customer1', { source_address: '2001:db8::1', user_agent: 'Phone/2' })
  await login(app, 'customer1', { session_kind: 'api' })
  await login(app, 'customer2')
  const bearer = await sessionToken(app, edge)
  const { sessions } = (await call(app, 'GET', '/sessions', bearer)).json()
  t.equal(sessions.length, 2, "neither another user's nor an api session")
  t.match(
    sessions.find(({ current }: { current: boolean }) => current),
    {
      sessionId: claimsOf(edge).sid,
      clientId: 'gateway',
      kind: 'login',
      sourceAddress: '192.0.2.7',
      userAgent: 'Browser/1',
      createdAtSeconds: Number,
      lastUsedAtSeconds: Number,
      expiresAtSeconds: Number
    }
  )
  t.equal((await call(app, 'GET', '/sessions?kind=all', bearer)).json().sessions.length, 3)
  t.equal((await call(app, 'GET', '/sessions?kind=other', bearer)).statusCode, 400)
})

t.test('a user ends one session or all of them', async t => {
  const { app } = await startServer(t)
  const [first, second, third] = [(await login(app)).body, (await login(app)).body, (await login(app)).body]
  const bearer = await sessionToken(app, first.access_token)
  t.equal((await call(app, 'DELETE', `/sessions/${String(claimsOf(second.access_token).sid)}`, bearer)).statusCode, 204)
  t.equal((await refresh(app, second.refresh_token)).body.error, 'invalid_grant')
  t.strictSame(await introspect(app, second.access_token), { active: false })
  t.equal((await refresh(app, third.refresh_token)).status, 200)
  t.equal((await call(app, 'DELETE', '/sessions', bearer)).statusCode, 204)
  for (const { access_token: access } of [first, third]) t.strictSame(await introspect(app, access), { active: false })
  t.equal((await call(app, 'GET', '/sessions', bearer)).statusCode, 401, 'its own session ended too')
})

t.test("another user's session, one that ended and something that is no id are not found", async t => {
  const { app } = await startServer(t)
  const bearer = await sessionToken(app, (await login(app)).body.access_token)
  const foreign = (await login(app, 'customer2')).body
  const url = `/sessions/${String(claimsOf(foreign.access_token).sid)}`
  t.match((await call(app, 'DELETE', url, bearer)).json(), {
    status: 404,
    code: 'SALLYPORT_AUTH_SERVER_SESSION_NOT_FOUND'
  })
  t.equal((await refresh(app, foreign.refresh_token)).status, 200, 'it lives')
  t.equal((await call(app, 'DELETE', '/sessions/00000000-0000-4000-8000-000000000000', bearer)).statusCode, 404)
  t.equal((await call(app, 'DELETE', '/sessions/x%00', bearer)).statusCode, 400)
})

t.test("session routes refuse no token, a token for another audience, a changed one and a client's own", async t => {
  const { app, events } = await startServer(t)
  const edge = (await login(app)).body.access_token
  const bearer = await sessionToken(app, edge)
  const machine = (await token(app, 'machine-client', { grant_type: 'client_credentials' })).body.access_token
  const machineHere = (await exchange(app, machine, 'auth-server')).body.access_token
  for (const [value, what] of [
    [null, 'none'],
    [edge, 'edge token'],
    [`${bearer}x`, 'changed'],
    [machineHere, 'client'],
    ['', 'empty']
  ] as const) {
    for (const [method, url] of [
      ['GET', '/sessions'],
      ['DELETE', '/sessions']
    ] as const) {
      const response = await call(app, method, url, value)
      t.equal(response.statusCode, 401, what)
    }
  }
  t.match((await call(app, 'GET', '/sessions', edge)).headers['www-authenticate'], /error="invalid_token"/)
  t.match(events.at(-1), { stage: 'authentication', outcome: 'denied', reason: 'audience-mismatch' })
})

t.test('O-33: disabling a user ends all sessions and access tokens, and no login works', async t => {
  const { app, db } = await startServer(t)
  const session = (await login(app)).body
  await admin.disableUser(administration(db), FACTS.users.customer1.subject)
  t.equal((await refresh(app, session.refresh_token)).body.error, 'invalid_grant')
  t.strictSame(await introspect(app, session.access_token), { active: false })
  t.equal((await login(app)).body.error, 'invalid_grant')
  await admin.enableUser(administration(db), FACTS.users.customer1.subject)
  t.equal((await login(app)).status, 200)
  t.equal((await refresh(app, session.refresh_token)).body.error, 'invalid_grant', 'what ended stays ended')
})

t.test('O-33: changing a password ends all sessions, and only the new one logs in', async t => {
  const { app, db } = await startServer(t)
  const session = (await login(app)).body
  await admin.setPassword(administration(db), FACTS.users.customer1.subject, 'a new password')
  t.strictSame(await introspect(app, session.access_token), { active: false })
  t.equal((await refresh(app, session.refresh_token)).body.error, 'invalid_grant')
  t.equal((await login(app)).body.error, 'invalid_grant')
  t.equal((await login(app, 'customer1', { password: 'a new password' })).status, 200)
})

t.test(
  'a role change revokes the access tokens, and the next refresh of the same session carries the new roles',
  async t => {
    const { app, db } = await startServer(t)
    // Somebody has to stay an administrator.
    await admin.setRoles(administration(db), FACTS.users.customer2.subject, ['ADMIN'])
    const session = (await login(app, 'admin1')).body
    await admin.setRoles(administration(db), FACTS.users.admin1.subject, ['CUSTOMER'])
    t.strictSame(await introspect(app, session.access_token), { active: false })
    const renewed = (await refresh(app, session.refresh_token)).body
    const claims = claimsOf(renewed.access_token)
    t.strictSame([claims.roles, claims.sid], [['CUSTOMER'], claimsOf(session.access_token).sid])
    t.notOk(renewed.scope.includes('admin'), 'a scope that needs the lost role is gone')
    t.match(await introspect(app, renewed.access_token), { active: true })
  }
)

t.test('a user disabled while the password is being hashed gets no session', async t => {
  let disable = async (): Promise<void> => {}
  const slow = {
    hash: async () => '',
    verify: async () => {
      await disable()
      return true
    }
  }
  const { app, db, events } = await startServer(t, {}, { passwordHashFunction: slow })
  disable = async () => {
    await admin.disableUser(administration(db), FACTS.users.customer1.subject)
  }
  t.equal((await login(app)).body.error, 'invalid_grant')
  t.match(events.at(-1), { reason: 'user-changed' })
  t.equal(Number((await db('sessions').count('*').first())?.count), 0)
})

t.test('a rotated client secret: both work for a while, then the new one alone', async t => {
  const { app, db, clock } = await startServer(t)
  const { secret } = await admin.rotateSecret(
    administration(db, () => clock.ms),
    'machine-client',
    60
  )
  const withNew = async () =>
    (await token(app, null, { grant_type: 'client_credentials', client_id: 'machine-client', client_secret: secret }))
      .status
  const withOld = async () => (await token(app, 'machine-client', { grant_type: 'client_credentials' })).status
  t.strictSame([await withOld(), await withNew()], [200, 200])
  clock.advance(60)
  t.strictSame([await withOld(), await withNew()], [401, 200])
})
