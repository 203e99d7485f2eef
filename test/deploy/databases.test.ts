import { randomBytes } from 'node:crypto'
import { databaseTarget, ensureDatabase, PROCESSES, databaseRoles, type DatabaseTarget } from '@sallyport/local'
import t, { type Test } from 'tap'
import { clusterUrl, connect } from '../support/database.ts'

function target(t: Test, adminUrl = clusterUrl()): { target: DatabaseTarget; passwords: Record<string, string> } {
  const name = `launcher_${randomBytes(6).toString('hex')}`
  const passwords = Object.fromEntries(
    Object.values(databaseRoles(name)).map(role => [role, randomBytes(12).toString('hex')])
  )
  t.after(async () => {
    const admin = connect(clusterUrl(), 1)
    await admin.raw('drop database if exists ??', [name])
    for (const role of Object.values(databaseRoles(name))) await admin.raw('drop role if exists ??', [role])
    await admin.destroy()
  })
  return { target: { adminUrl, name, origin: 'DATABASE_URL' }, passwords }
}

async function query(url: string, sql: string): Promise<unknown> {
  const db = connect(url, 1)
  return db.raw(sql).finally(() => db.destroy())
}

t.test('a database has an owner that makes tables and an app role that does not', async t => {
  const { target: wanted, passwords } = target(t)
  const made = await ensureDatabase(wanted, passwords)
  await query(made.ownerUrl, 'create table thing (x int)')
  await query(made.ownerUrl, `grant select on thing to ${made.roles.app}`)
  await query(made.appUrl, 'select * from thing')
  await t.rejects(query(made.appUrl, 'create table other (x int)'), { code: '42501' })
  await t.rejects(query(made.appUrl, 'drop table thing'), { code: '42501' })
  await t.rejects(query(made.appUrl, 'create role another'), { code: '42501' })
})

t.test('a second start finds the data and brings the passwords up to date', async t => {
  const { target: wanted, passwords } = target(t)
  const first = await ensureDatabase(wanted, passwords)
  await query(first.ownerUrl, 'create table kept (x int)')
  const second = await ensureDatabase(wanted, { ...passwords, [first.roles.owner]: 'another' })
  await query(second.ownerUrl, 'select * from kept')
  await t.rejects(query(first.ownerUrl, 'select 1'), { code: '28P01' })
})

t.test('the app role of one process cannot connect to the database of another', async t => {
  const one = target(t)
  const two = target(t)
  const { appUrl } = await ensureDatabase(one.target, one.passwords)
  await ensureDatabase(two.target, two.passwords)
  const foreign = new URL(appUrl)
  foreign.pathname = `/${two.target.name}`
  await t.rejects(query(foreign.href, 'select 1'), { code: '42501' })
})

t.test('a role that is no superuser but may make databases and roles is enough', async t => {
  const admin = `admin_${randomBytes(6).toString('hex')}`
  await query(clusterUrl(), `create role ${admin} login createdb createrole password 'x'`)
  const url = new URL(clusterUrl())
  url.username = admin
  url.password = 'x'
  const { target: wanted, passwords } = target(t, url.href)
  const made = await ensureDatabase(wanted, passwords)
  await ensureDatabase(wanted, passwords)
  await query(made.ownerUrl, 'create table thing (x int)')
})

t.test('a role without the right, a wrong password, a dead server and no URL are one clear line each', async t => {
  const { target: one, passwords } = target(t)
  const made = await ensureDatabase(one, passwords)
  const { target: two } = target(t, made.appUrl)
  const name = 'LauncherError'
  await t.rejects(ensureDatabase(two, passwords), {
    name,
    message: /^The role of DATABASE_URL may not make database .* needs CREATEDB and CREATEROLE$/
  })
  const wrong = new URL(clusterUrl())
  wrong.password = 'wrong'
  await t.rejects(ensureDatabase({ ...one, adminUrl: wrong.href }, passwords), {
    name,
    message: /DATABASE_URL cannot be used: password authentication failed/
  })
  await t.rejects(ensureDatabase({ ...one, adminUrl: 'postgres://u:p@127.0.0.1:1/x' }, passwords), {
    name,
    message: /cannot be used: .*ECONNREFUSED/
  })
  await t.rejects(ensureDatabase({ ...one, adminUrl: 'mysql://x' }, passwords), {
    name,
    message: 'DATABASE_URL is not a postgres:// URL'
  })
})

t.test('a process can be given its own database', async t => {
  const entry = PROCESSES.find(({ name }) => name === 'order-service')!
  t.same(databaseTarget(entry, 'postgres://s', {}), {
    adminUrl: 'postgres://s',
    name: 'sallyport_order_service',
    origin: 'DATABASE_URL'
  })
  const own = { ORDER_SERVICE_DATABASE_URL: 'postgres://u:p@h/orders' }
  t.same(databaseTarget(entry, 'postgres://s', own), {
    adminUrl: own.ORDER_SERVICE_DATABASE_URL,
    name: 'orders',
    origin: 'ORDER_SERVICE_DATABASE_URL'
  })
  t.throws(() => databaseTarget(entry, 'postgres://s', { ORDER_SERVICE_DATABASE_URL: 'postgres://h' }), {
    name: 'LauncherError',
    message: /has to name a database/
  })
})
