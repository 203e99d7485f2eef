// The login of a pool changes while it works: two roles are used in turn.
import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../plugins/service-process/src/connect-database.ts'
import { testDatabase } from '../../support/database.ts'

const PASSWORD = 'canary-password-of-a-role'

/** A database whose rights belong to one role, and URLs of roles that log in. */
async function startTwoLogins(t: Test) {
  const { db, url } = await testDatabase(t, 'live-database', async db => {
    await db.raw('create table orders (id integer, note text)')
  })
  const suffix = randomBytes(4).toString('hex')
  const [owner, a, b, stranger] = ['owner', 'a', 'b', 'stranger'].map(name => `live_${name}_${suffix}`) as [
    string,
    string,
    string,
    string
  ]
  await db.raw('create role ??', [owner])
  await db.raw('grant select, insert on orders to ??; grant update (note) on orders to ??', [owner, owner])
  for (const role of [a, b, stranger]) await db.raw(`create role ?? login password '${PASSWORD}'`, [role])
  await db.raw('grant ?? to ??; grant ?? to ??', [owner, a, owner, b])
  t.after(async () => {
    await db.raw('drop owned by ??; drop role ??, ??, ??, ??', [owner, owner, a, b, stranger])
  })
  const urlOf = (role: string, password = PASSWORD): string => {
    const own = new URL(url)
    own.username = role
    own.password = password
    return own.href
  }
  return { db, roles: { a, b, stranger }, urlOf }
}

const settings = { databaseConnections: 3, databaseTimeoutMs: 5000 }

async function userOf(pool: Knex): Promise<string> {
  const { rows } = await pool.raw('select session_user as name')
  return rows[0].name
}

t.test('after a change of the login, what is under way ends as it began and what begins is the new role', async t => {
  const { db, roles, urlOf } = await startTwoLogins(t)
  const { pool, subscriber } = openDatabase({ databaseUrl: urlOf(roles.a), ...settings })
  t.after(async () => {
    await pool.destroy()
  })
  const load = new AbortController()
  const failures: unknown[] = []
  const served: number[] = []
  const callers = [1, 2].map(async id => {
    while (!load.signal.aborted) {
      const order = pool.transaction(async trx => {
        await trx('orders').insert({ id })
      })
      await order.then(
        () => served.push(id),
        (error: unknown) => failures.push(error)
      )
    }
  })
  for (const role of [roles.b, roles.a, roles.b]) {
    const other = role === roles.a ? roles.b : roles.a
    const change = await subscriber.validate({ databaseUrl: urlOf(role) })
    await change.apply()
    // A connection that was being made at the change is one of the former role; its login ends after that.
    while (pool.client.pool.numPendingCreates() > 0) await new Promise(setImmediate)
    await db.raw('alter role ?? nologin', [other])
    const before = served.length
    while (served.length < before + 10) await new Promise(setImmediate)
    t.strictSame(await usersOfAllConnections(pool), [role, role, role])
    await db.raw('alter role ?? login', [other])
  }
  load.abort()
  await Promise.all(callers)
  t.strictSame(failures, [])

  const undone = await subscriber.validate({ databaseUrl: urlOf(roles.a) })
  await undone.apply()
  await undone.undo()
  t.equal(await userOf(pool), roles.b)
})

/** As whom each connection of the pool is logged in: all of them are in use at once. */
async function usersOfAllConnections(pool: Knex): Promise<string[]> {
  const all = Promise.withResolvers<void>()
  const users: string[] = []
  const transactions = Array.from({ length: settings.databaseConnections }, async () => {
    await pool.transaction(async trx => {
      users.push(await userOf(trx))
      if (users.length === settings.databaseConnections) all.resolve()
      await all.promise
    })
  })
  await Promise.all(transactions)
  return users
}

t.test('a login that would not work is refused and says why, without the password', async t => {
  const { roles, urlOf } = await startTwoLogins(t)
  const { pool, subscriber } = openDatabase({ databaseUrl: urlOf(roles.a), ...settings })
  t.after(async () => {
    await pool.destroy()
  })
  const elsewhere = new URL(urlOf(roles.b))
  elsewhere.pathname = '/postgres'
  const cases: ReadonlyArray<readonly [string, string | undefined, RegExp]> = [
    ['a wrong password', urlOf(roles.b, 'canary-wrong'), /databaseUrl cannot be used: password authentication failed/],
    ['a role without the rights', urlOf(roles.stranger), /names a role without the rights of \S+ on orders$/],
    ['another database', elsewhere.href, /names another database/],
    ['another host', urlOf(roles.b).replace(/@[^/]+/, '@db.example:5432'), /without verified TLS/],
    ['none', undefined, /cannot be left out/]
  ]
  for (const [title, databaseUrl, message] of cases) {
    const refusal = await Promise.resolve(subscriber.validate({ databaseUrl })).catch((error: unknown) => error)
    t.match(refusal, { code: 'SALLYPORT_PROCESS_DATABASE_URL_INVALID', message }, title)
    t.notMatch(String(refusal), 'canary', title)
  }
  t.equal(await userOf(pool), roles.a)
})
