import t, { type Test } from 'tap'
import { claimsOf, FACTS, introspect, login, refresh, startServer, token } from '../support/authorization-server.ts'
import { tokenOfAdministrator } from './support/administrator.ts'
import { authorizeUrl, pkce, requestOf } from '../support/browser.ts'
import { codeFlow } from './support/code-flow.ts'
import { commandLine } from './support/command-line.ts'
import { openTrailRows } from '../support/trail-rows.ts'

const CUSTOMER = FACTS.users.customer1.subject
const ADMINISTRATOR = FACTS.users.admin1.subject

async function start(t: Test) {
  const server = await startServer(t)
  const bearer = await tokenOfAdministrator(server.app)
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    body?: object,
    ifMatch?: string
  ) => {
    const response = await server.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${bearer}`, ...(ifMatch !== undefined && { 'if-match': ifMatch }) },
      ...(body !== undefined && { payload: body })
    })
    return {
      status: response.statusCode,
      etag: response.headers.etag,
      body: response.body === '' ? null : response.json()
    }
  }
  const audited = async (action: string) =>
    (
      await openTrailRows(
        server.db,
        await server.db('audit_events').where({ action, outcome: 'success' }).orderBy('occurred_at')
      )
    ).map(({ detail }) => detail)
  return { ...server, call, audited }
}

t.test('a user is created, shown and edited, each with its version, and the trail has before and after', async t => {
  const { call, audited } = await start(t)
  const created = await call('POST', '/admin/users', {
    username: 'Courier Nine',
    password: 'four words in a row',
    roles: ['COURIER', 'COURIER']
  })
  t.match(created, { status: 201, etag: '"1"', body: { username: 'courier nine', roles: ['COURIER'], version: 1 } })
  const url = `/admin/users/${String(created.body.id)}`
  t.same(await call('GET', url), { ...created, status: 200 })
  const edited = await call('PATCH', url, { username: 'Courier Ten', roles: ['CUSTOMER'] }, '"1"')
  t.match(edited, { status: 200, body: { username: 'courier ten', roles: ['CUSTOMER'], disabled: false } })
  t.equal(edited.etag, `"${String(edited.body.version)}"`)
  t.match(await audited('user.create'), [{ before: null, after: { username: 'courier nine', roles: ['COURIER'] } }])
  t.strictSame(await audited('user.edit'), [
    {
      before: { username: 'courier nine', roles: ['COURIER'] },
      after: { username: 'courier ten', roles: ['CUSTOMER'] }
    }
  ])
  t.match(await call('PATCH', url, { username: 'CUSTOMER1' }), {
    status: 409,
    body: { code: 'SALLYPORT_AUTH_SERVER_NAME_TAKEN' }
  })
  for (const body of [{}, { username: ' ' }, { roles: ['lower'] }, { password: 'four words in a row' }]) {
    t.equal((await call('PATCH', url, body)).status, 400, JSON.stringify(body))
  }
  const unknown = '/admin/users/00000000-0000-4000-8000-0000000000ff'
  for (const method of ['GET', 'DELETE'] as const) t.equal((await call(method, unknown)).status, 404)
  t.equal((await call('PATCH', unknown, { roles: [] })).status, 404)
})

t.test('a change that is meant for another version is refused, and nothing changes', async t => {
  const { call } = await start(t)
  const url = `/admin/users/${CUSTOMER}`
  const { etag = '' } = await call('GET', url)
  t.equal((await call('PATCH', url, { roles: ['COURIER'] }, etag)).status, 200)
  for (const stale of [etag, 'W/"2"', '"2", "3"', 'x']) {
    for (const [method, path, body] of [
      ['PATCH', url, { roles: [] }],
      ['PUT', `${url}/roles`, { roles: [] }],
      ['PUT', `${url}/password`, { password: 'four words in a row' }],
      ['POST', `${url}/disable`, undefined],
      ['POST', `${url}/enable`, undefined],
      ['DELETE', url, undefined]
    ] as const) {
      t.match(await call(method, path, body, stale), {
        status: 412,
        body: { code: 'SALLYPORT_AUTH_SERVER_VERSION_MISMATCH' }
      })
    }
  }
  t.match((await call('GET', url)).body, { roles: ['COURIER'], disabled: false })
  t.equal((await call('POST', `${url}/disable`, undefined, '*')).status, 204)
})

t.test('users are listed a page at a time', async t => {
  const { call } = await start(t)
  const names = (body: { users: Array<{ username: string }> }) => body.users.map(({ username }) => username)
  const first = (await call('GET', '/admin/users?limit=3')).body
  t.strictSame([names(first), first.nextAfter], [['admin1', 'customer1', 'customer2'], 'customer2'])
  const second = (await call('GET', '/admin/users?limit=3&after=customer2')).body
  t.strictSame([names(second), second.nextAfter], [['restaurant1'], null])
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'page=2']) {
    t.equal((await call('GET', `/admin/users?${query}`)).status, 400, query)
  }
})

t.test('a deleted user is gone with everything that lived, and the name begins anew', async t => {
  const { app, call, audited, db } = await start(t)
  const direct = (await login(app)).body
  const { user, tokens } = await codeFlow(app)
  const gone = `/admin/users/${CUSTOMER}`
  t.equal((await call('DELETE', gone)).status, 204)
  for (const accessToken of [direct.access_token, tokens.access_token]) {
    t.strictSame(await introspect(app, accessToken), { active: false })
  }
  t.equal((await refresh(app, direct.refresh_token)).body.error, 'invalid_grant')
  t.equal((await refresh(app, tokens.refresh_token, {}, 'web-app')).body.error, 'invalid_grant')
  t.match((await user.get(authorizeUrl(requestOf(pkce().challenge)))).body, /name="password"/, 'nobody is signed in')
  t.equal((await login(app)).body.error, 'invalid_grant')
  t.equal((await call('GET', gone)).status, 404)
  t.equal((await call('DELETE', gone)).status, 404)
  t.match(await audited('user.delete'), [{ before: { username: 'customer1', roles: ['CUSTOMER'] }, after: null }])
  const left = await db('users').where({ id: CUSTOMER }).first()
  t.notMatch(JSON.stringify(left), /customer1|argon2/, 'what is left says nothing')
  const { password } = FACTS.users.customer1
  const again = await call('POST', '/admin/users', { username: 'customer1', password, roles: [] })
  t.equal(again.status, 201)
  t.not(again.body.id, CUSTOMER)
  t.equal(claimsOf((await login(app)).body.access_token).sub, again.body.id)
  t.equal(
    (await refresh(app, direct.refresh_token)).body.error,
    'invalid_grant',
    'the old session is not the new user’s'
  )
})

t.test('sessions of a renamed user go on, and the next refresh carries changed roles', async t => {
  const { app, call } = await start(t)
  const session = (await login(app)).body
  t.equal((await call('PATCH', `/admin/users/${CUSTOMER}`, { username: 'renamed' })).status, 200)
  t.equal((await introspect(app, session.access_token)).active, true)
  const next = (await refresh(app, session.refresh_token)).body
  t.equal(claimsOf(next.access_token).sub, CUSTOMER)
  t.equal((await login(app)).body.error, 'invalid_grant', 'the old name is nobody’s')
  const { password } = FACTS.users.customer1
  t.equal((await token(app, 'gateway', { grant_type: 'password', username: 'renamed', password })).status, 200)
  t.equal((await call('PATCH', `/admin/users/${CUSTOMER}`, { roles: ['COURIER'] })).status, 200)
  t.strictSame(await introspect(app, next.access_token), { active: false })
  t.strictSame(claimsOf((await refresh(app, next.refresh_token)).body.access_token).roles, ['COURIER'])
})

t.test('the last administrator stays one: not disabled, deleted or without the role', async t => {
  const { call } = await start(t)
  const url = `/admin/users/${ADMINISTRATOR}`
  const attempts = async () => [
    await call('PATCH', url, { roles: ['CUSTOMER'] }),
    await call('PUT', `${url}/roles`, { roles: [] }),
    await call('POST', `${url}/disable`),
    await call('DELETE', url)
  ]
  for (const refused of await attempts()) {
    t.match(refused, { status: 409, body: { code: 'SALLYPORT_AUTH_SERVER_IN_USE' } })
  }
  t.equal((await call('PUT', `/admin/users/${CUSTOMER}/roles`, { roles: ['ADMIN'] })).status, 204)
  t.equal((await call('POST', `/admin/users/${CUSTOMER}/disable`)).status, 204)
  for (const refused of await attempts()) t.equal(refused.status, 409, 'a disabled administrator is none')
  t.equal((await call('POST', `/admin/users/${CUSTOMER}/enable`)).status, 204)
  t.equal((await call('POST', `${url}/disable`)).status, 204)
})

t.test('roles are listed with their users and the scopes that need them', async t => {
  const { call } = await start(t)
  const { roles } = (await call('GET', '/admin/roles')).body
  t.match(roles, [
    { name: 'ADMIN', users: 1 },
    { name: 'COURIER', users: 0, scopes: [] },
    { name: 'CUSTOMER', users: 2, scopes: [] },
    { name: 'RESTAURANT', users: 1, scopes: [] }
  ])
  t.ok(
    roles[0].scopes.some(
      ({ name, audience }: { name: string; audience: string }) => name === 'admin' && audience === 'auth-server'
    )
  )
})

t.test('the command line shows, renames and deletes users and lists roles, by the same rules', async t => {
  const { run } = await commandLine(t)
  t.match((await run('users show customer1 --json')).json(), { username: 'customer1', roles: ['CUSTOMER'], version: 1 })
  t.match((await run('users rename customer1 Renamed --json')).json(), { username: 'renamed', version: 2 })
  t.match(await run('users rename renamed customer2'), { code: 1, error: /already a user customer2/ })
  t.match((await run('users delete renamed --json')).json(), { username: 'renamed', deleted: true })
  t.match(await run('users show renamed'), { code: 1, error: /There is no user renamed/ })
  for (const line of ['users delete admin1', 'users disable admin1', 'users set-roles admin1 --roles CUSTOMER']) {
    t.match(await run(line), { code: 1, error: /no other administrator/ }, line)
  }
  t.match((await run('roles list --json')).json(), [
    { name: 'ADMIN' },
    { name: 'COURIER', users: 0 },
    { name: 'CUSTOMER', users: 1 },
    {}
  ])
})
