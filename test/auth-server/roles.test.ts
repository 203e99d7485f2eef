// Roles as rows that administrators edit, and what a change of one does to those who have it.
import { admin, migrate } from '@sallyport/auth-server'
import t, { type Test } from 'tap'
import { migrations } from '../../auth-server/src/store/migrations/index.ts'
import { administration } from '../support/administration.ts'
import { claimsOf, exchange, FACTS, introspect, login, refresh, startServer } from '../support/authorization-server.ts'
import { testDatabase } from '../support/database.ts'
import { tokenOfAdministrator } from './support/administrator.ts'
import { commandLine } from './support/command-line.ts'

const { customer1: CUSTOMER, customer2: OTHER, admin1: ADMINISTRATOR } = FACTS.users
const ORDERS = { name: 'orders:read', audience: 'sallyport-gateway' }
const IN_USE = 'SALLYPORT_AUTH_SERVER_IN_USE'
const INVALID = 'SALLYPORT_AUTH_SERVER_VALUE_INVALID'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

async function overHttp(t: Test) {
  const server = await startServer(t)
  const bearer = await tokenOfAdministrator(server.app)
  const call = async (method: Method, path: string, body?: object, ifMatch?: string, token = bearer) => {
    const response = await server.app.inject({
      method,
      url: `/admin/${path}`,
      headers: { authorization: `Bearer ${token}`, ...(ifMatch !== undefined && { 'if-match': ifMatch }) },
      ...(body !== undefined && { payload: body })
    })
    const { statusCode: status, headers, body: text } = response
    return { status, etag: headers.etag, body: text === '' ? null : JSON.parse(text) }
  }
  const trail = async (action: string) =>
    (await server.db('audit_events').where({ action, outcome: 'success' }).orderBy('id')).map(({ detail }) => detail)
  return { ...server, call, trail }
}

/** A user with the roles CLERK and CUSTOMER, whose session has a scope that needs CLERK. */
async function clerk(t: Test) {
  const server = await startServer(t)
  const parts = administration(server.db, () => server.clock.ms)
  await admin.createRole(parts, { name: 'CLERK' })
  await admin.setRoles(parts, CUSTOMER.subject, ['CUSTOMER', 'CLERK'])
  await admin.changeScope(parts, ORDERS, { requiredRole: 'CLERK' })
  const tokens = (await login(server.app)).body
  t.match(claimsOf(tokens.access_token), { roles: ['CLERK', 'CUSTOMER'], scope: /orders:read/ })
  const isActive = async (accessToken = tokens.access_token) => (await introspect(server.app, accessToken)).active
  t.equal(await isActive(), true)
  return { ...server, parts, tokens, isActive }
}

t.test('a role is created, shown, edited, disabled, enabled and deleted over HTTP, with before and after', async t => {
  const { call, trail } = await overHttp(t)
  t.match(await call('POST', 'roles', { name: 'CLERK', descriptions: { EN: 'Clerk', de: 'Büro' } }), {
    status: 201,
    etag: '"1"',
    body: {
      name: 'CLERK',
      descriptions: { en: 'Clerk', de: 'Büro' },
      users: 0,
      scopes: [],
      version: 1,
      disabled: false
    }
  })
  t.match(await call('POST', 'roles', { name: 'CLERK' }), {
    status: 409,
    body: { code: 'SALLYPORT_AUTH_SERVER_NAME_TAKEN' }
  })
  t.equal((await call('PUT', `users/${CUSTOMER.subject}/roles`, { roles: ['CLERK', 'CUSTOMER'] })).status, 204)
  const scope = { name: 'reports:read', audience: 'order-service' }
  t.equal((await call('POST', 'scopes', { ...scope, requiredRole: 'CLERK' })).status, 201)
  t.match(await call('GET', 'roles/CLERK'), { status: 200, etag: '"1"', body: { users: 1, scopes: [scope] } })
  t.match(await call('PATCH', 'roles/CLERK', { descriptions: { en: 'Office' } }, '"1"'), {
    status: 200,
    etag: '"2"',
    body: { descriptions: { en: 'Office' }, users: 1 }
  })
  t.strictSame(await trail('role.change'), [
    { before: { descriptions: { en: 'Clerk', de: 'Büro' } }, after: { descriptions: { en: 'Office' } } }
  ])
  t.match(await call('POST', 'roles/CLERK/disable'), { etag: '"3"', body: { disabled: true, users: 1 } })
  t.match(await trail('role.disable'), [{ before: { disabledAtMs: null }, after: { disabledAtMs: Number } }])
  t.match(await call('POST', 'roles/CLERK/enable'), { etag: '"4"', body: { disabled: false } })
  t.equal((await call('PATCH', 'scopes/order-service/reports:read', { requiredRole: null })).status, 200)
  t.equal((await call('PUT', `users/${CUSTOMER.subject}/roles`, { roles: [] })).status, 204)
  t.equal((await call('DELETE', 'roles/CLERK', undefined, '"4"')).status, 204)
  t.match(await trail('role.delete'), [{ before: { name: 'CLERK', descriptions: { en: 'Office' } }, after: null }])
  t.match(await call('GET', 'roles/CLERK'), { status: 404, body: { code: 'SALLYPORT_AUTH_SERVER_UNKNOWN' } })
})

t.test('what is wrong with a role is refused, all of it together', async t => {
  const { call } = await overHttp(t)
  const { status, body } = await call('POST', 'roles', { name: 'clerk', descriptions: { 'no language': '' } })
  t.equal(status, 400)
  for (const mistake of [/"clerk" is not a role name/, /is no language/, /not text of 1 to 500/]) {
    t.match(body.title, mistake)
  }
  for (const wrong of [{}, { name: 'CLERK', users: 3 }]) t.equal((await call('POST', 'roles', wrong)).status, 400)
  t.equal((await call('PATCH', 'roles/CUSTOMER', { name: 'CLIENT' })).status, 400)
  t.equal((await call('PATCH', 'roles/CUSTOMER', { descriptions: { en: 'a\0' } })).status, 400)
  t.equal((await call('DELETE', 'roles/CUSTOMER?takeFromUsers=maybe')).status, 400)
  t.match(await call('POST', 'scopes', { name: 'x', audience: 'order-service', requiredRole: 'NOBODY' }), {
    status: 400,
    body: { title: /there is no role NOBODY/ }
  })
  t.equal((await call('PATCH', 'scopes/order-service/orders:read', { requiredRole: 'NOBODY' })).status, 400)
})

t.test('a change that was decided on another version of a role is refused, and nothing changes', async t => {
  const { call } = await overHttp(t)
  t.equal((await call('PATCH', 'roles/COURIER', { descriptions: { en: 'Rides' } }, '"1"')).status, 200)
  for (const [method, path, body] of [
    ['PATCH', 'roles/COURIER', { descriptions: {} }],
    ['POST', 'roles/COURIER/disable', undefined],
    ['POST', 'roles/COURIER/enable', undefined],
    ['DELETE', 'roles/COURIER', undefined]
  ] as const) {
    t.match(await call(method, path, body, '"1"'), {
      status: 412,
      body: { code: 'SALLYPORT_AUTH_SERVER_VERSION_MISMATCH' }
    })
  }
  t.match((await call('GET', 'roles/COURIER')).body, { descriptions: { en: 'Rides' }, disabled: false, version: 2 })
})

t.test('who may not administer sees and changes no role', async t => {
  const { app, call } = await overHttp(t)
  const edge = (await login(app)).body.access_token
  const customer = (await exchange(app, edge, 'auth-server')).body.access_token
  for (const [method, path, body] of [
    ['GET', 'roles', undefined],
    ['POST', 'roles', { name: 'CLERK' }],
    ['GET', 'roles/CUSTOMER', undefined],
    ['PATCH', 'roles/CUSTOMER', {}],
    ['POST', 'roles/CUSTOMER/disable', undefined],
    ['POST', 'roles/CUSTOMER/enable', undefined],
    ['DELETE', 'roles/COURIER', undefined]
  ] as const) {
    t.equal((await call(method, path, body, undefined, customer)).status, 403, `${method} ${path}`)
    t.equal((await call(method, path, body, undefined, 'none')).status, 401, `${method} ${path}`)
  }
  t.equal((await call('GET', 'roles/COURIER')).status, 200)
})

t.test('a user is given only roles that are there and enabled; one that is disabled can be kept', async t => {
  const { call } = await overHttp(t)
  const url = `users/${CUSTOMER.subject}`
  const newcomer = { username: 'newcomer', password: 'four words in a row' }
  t.equal((await call('POST', 'roles/COURIER/disable')).status, 200)
  for (const [roles, mistake] of [
    [['CLERK'], /there is no role CLERK/],
    [['COURIER', 'CLERK'], /(?=.*the role COURIER is disabled)(?=.*there is no role CLERK)/],
    [['__proto__'], /"__proto__" is not a role name/]
  ] as const) {
    const refused = { status: 400, body: { code: INVALID, title: mistake } }
    t.match(await call('POST', 'users', { ...newcomer, roles }), refused)
    t.match(await call('PATCH', url, { roles }), refused)
    t.match(await call('PUT', `${url}/roles`, { roles }), refused)
  }
  t.match((await call('GET', url)).body, { roles: ['CUSTOMER'], version: 1 })
  t.equal((await call('POST', 'roles/CUSTOMER/disable')).status, 200)
  t.match(await call('PATCH', url, { roles: ['CUSTOMER', 'RESTAURANT'] }), {
    body: { roles: ['CUSTOMER', 'RESTAURANT'] }
  })
  t.match((await call('GET', 'roles/CUSTOMER')).body, { users: 2, disabled: true }, 'those who have it keep it')
})

t.test('a role that a scope needs or a user has stays, and nobody loses it', async t => {
  const { parts, isActive, db } = await clerk(t)
  await t.rejects(admin.deleteRole(parts, 'CLERK'), {
    code: IN_USE,
    message: /scope orders:read at sallyport-gateway, 1 user/
  })
  await t.rejects(admin.deleteRole(parts, 'CLERK', null, { takeFromUsers: true }), { code: IN_USE })
  await admin.changeScope(parts, ORDERS, { requiredRole: 'CUSTOMER' })
  await t.rejects(admin.deleteRole(parts, 'CUSTOMER'), { code: IN_USE, message: /2 users/ })
  t.equal((await db('user_roles').where({ role: 'CLERK' })).length, 1)
  t.equal(await isActive(), false, 'another role of its scope did that')
})

t.test('the role of administrators is neither disabled nor deleted', async t => {
  const { call } = await overHttp(t)
  for (const [method, path] of [
    ['POST', 'roles/ADMIN/disable'],
    ['DELETE', 'roles/ADMIN'],
    ['DELETE', 'roles/ADMIN?takeFromUsers=true']
  ] as const) {
    t.match(await call(method, path), { status: 409, body: { code: IN_USE, title: /administration needs it/ } }, path)
  }
  t.match(await call('PATCH', 'roles/ADMIN', { descriptions: { en: 'Boss' } }), { status: 200 })
  t.match((await call('GET', `users/${ADMINISTRATOR.subject}`)).body, { roles: ['ADMIN'] })
})

t.test(
  'a disabled role is revoked at once, leaves at the next refresh with its scopes, and comes back enabled',
  async t => {
    const { app, parts, tokens, isActive } = await clerk(t)
    const exchanged = (await exchange(app, tokens.access_token, 'order-service')).body.access_token
    const other = (await login(app, 'restaurant1')).body.access_token
    await admin.disableRole(parts, 'CLERK')
    t.strictSame([await isActive(), await isActive(exchanged), await isActive(other)], [false, false, true])
    t.equal((await exchange(app, tokens.access_token, 'order-service')).body.error, 'invalid_request')
    const next = (await refresh(app, tokens.refresh_token)).body
    t.strictSame(claimsOf(next.access_token).roles, ['CUSTOMER'])
    t.notMatch(next.scope, /orders:read/)
    t.match(next.scope, /orders:write/)
    t.strictSame(claimsOf((await login(app)).body.access_token).roles, ['CUSTOMER'], 'a new session is without it too')
    await admin.enableRole(parts, 'CLERK')
    t.equal(await isActive(next.access_token), true, 'more rights revoke nothing')
    const last = (await refresh(app, next.refresh_token)).body
    t.match(claimsOf(last.access_token), { roles: ['CLERK', 'CUSTOMER'], scope: /orders:read/ })
  }
)

t.test('a role that is deleted from its users is revoked in their sessions, and the trail names each user', async t => {
  const { call, trail, app } = await overHttp(t)
  const sessions = [(await login(app)).body, (await login(app, 'customer2')).body]
  t.equal((await call('DELETE', 'roles/CUSTOMER?takeFromUsers=false')).status, 409)
  t.equal((await call('DELETE', 'roles/CUSTOMER?takeFromUsers=true')).status, 204)
  for (const { access_token: accessToken, refresh_token: refreshToken } of sessions) {
    t.strictSame(await introspect(app, accessToken), { active: false })
    t.strictSame(claimsOf((await refresh(app, refreshToken)).body.access_token).roles ?? [], [])
  }
  const taken = { before: { roles: ['CUSTOMER'] }, after: { roles: [] } }
  t.strictSame(await trail('user.set-roles'), [taken, taken])
  t.match(await call('GET', `users/${OTHER.subject}`), { etag: '"2"', body: { roles: [] } })
  t.equal((await call('POST', 'roles', { name: 'CUSTOMER' })).status, 201)
  t.match((await call('GET', `users/${OTHER.subject}`)).body, { roles: [] }, 'a new role of the name is nobody’s')
})

t.test('who gives a role waits for the change of it that is under way, and goes by it', async t => {
  const { parts, db } = await clerk(t)
  const given = await parts.store.transaction(async trx => {
    await trx.audiences.lockRegistry()
    const role = await trx.roles.find('CLERK')
    if (role === null) throw new Error('there is no CLERK')
    const giving = admin.setRoles(parts, OTHER.subject, ['CLERK']).then(
      () => null,
      (error: unknown) => error
    )
    const isOver = giving.then(() => 'over')
    const waiters = async () =>
      (
        await db('pg_locks')
          .where({ locktype: 'advisory', granted: false })
          .whereRaw('database = (select oid from pg_database where datname = current_database())')
      ).length
    while ((await Promise.race([isOver, waiters()])) === 0);
    await trx.roles.replace({ ...role, disabledAtMs: 1 })
    return { giving }
  })
  t.match(await given.giving, { code: INVALID, message: /the role CLERK is disabled/ })
  t.strictSame(await db('user_roles').where({ user_id: OTHER.subject }).pluck('role'), ['CUSTOMER'])
})

t.test('the command line has the same functions', async t => {
  const { run } = await commandLine(t)
  t.match((await run('roles create CLERK --description en=Clerk --description de=Büro --json')).json(), {
    name: 'CLERK',
    descriptions: { en: 'Clerk', de: 'Büro' },
    users: 0
  })
  t.match(await run('roles create clerk'), { code: 1, error: /not a role name/ })
  t.match(await run('roles edit CLERK --description Office'), { code: 2, error: /language=text/ })
  t.match((await run('roles edit CLERK --description en=Office --json')).json(), { descriptions: { en: 'Office' } })
  t.match((await run('users set-roles customer1 --roles CLERK,CUSTOMER --json')).json(), {
    roles: ['CLERK', 'CUSTOMER']
  })
  t.match((await run('roles show CLERK --json')).json(), { users: 1, scopes: [], version: 2, disabled: false })
  t.match((await run('roles disable CLERK --json')).json(), { disabled: true })
  t.match(await run('users set-roles customer2 --roles CLERK'), { code: 1, error: /the role CLERK is disabled/ })
  t.match((await run('roles enable CLERK --json')).json(), { disabled: false })
  t.match(await run('users set-roles customer2 --roles NOBODY'), { code: 1, error: /there is no role NOBODY/ })
  t.match(await run('roles delete CLERK'), { code: 1, error: /stays: 1 user/ })
  t.match(await run('roles delete ADMIN --take-from-users'), { code: 1, error: /administration needs it/ })
  t.match((await run('roles delete CLERK --take-from-users --json')).json(), { deleted: 'CLERK' })
  t.match(await run('roles show CLERK'), { code: 1, error: /There is no role CLERK/ })
  t.match((await run('users show customer1 --json')).json(), { roles: ['CUSTOMER'] })
  t.match((await run('roles list --json')).json(), [{ name: 'ADMIN' }, { name: 'COURIER', users: 0 }, {}, {}])
})

t.test('what users have and scopes need from before there were rows of roles becomes one each', async t => {
  const { db } = await testDatabase(t, 'auth-server-empty', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  })
  const config = { migrationSource: migrations.source, tableName: migrations.tableName }
  await db.migrate.down({ ...config, name: '013_roles' })
  const id = CUSTOMER.subject
  const times = { created_at: new Date(0), password_changed_at: new Date(0) }
  await db('users').insert({ id, username: 'old', password_hash: 'x', ...times })
  await db('user_roles').insert(['CLERK', 'OFFICER'].map(role => ({ user_id: id, role })))
  await db('scopes').insert({ name: 'a', audience: 'b', required_role: 'AUDITOR' })
  await db.migrate.latest(config)
  const parts = administration(db)
  t.match(await admin.listRoles(parts), [
    { name: 'AUDITOR', users: 0, scopes: [{ name: 'a', audience: 'b' }] },
    { name: 'CLERK', users: 1, disabledAtMs: null, version: 1, descriptions: {} },
    { name: 'OFFICER', users: 1 }
  ])
  t.strictSame((await parts.store.users.find(id))?.roles, ['CLERK', 'OFFICER'])
  await admin.disableRole(parts, 'CLERK')
  await db.migrate.down({ ...config, name: '013_roles' })
  t.strictSame(await db('user_roles').pluck('role'), ['OFFICER'], 'a disabled role does not come back')
})
