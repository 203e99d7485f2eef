import { connectDatabase } from '@sallyport/service-process'
import type { Knex } from 'knex'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { testDatabase } from '../../support/database.ts'
import { faultProxy, type FaultProxy } from '@sallyport/testing'

const TIMEOUT_MS = 1000

/** A pool of the app's kind, through a proxy that can swallow what is sent. */
async function startPool(t: Test): Promise<{ db: Knex; proxy: FaultProxy; used: () => number }> {
  const { url } = await testDatabase(t, 'connect-database', async () => {})
  const proxy = await faultProxy(t, url)
  const db = connectDatabase({ databaseUrl: proxy.url, databaseConnections: 3, databaseTimeoutMs: TIMEOUT_MS })
  t.after(async () => {
    await db.destroy()
  })
  return { db, proxy, used: () => (db.client.pool as { numUsed: () => number }).numUsed() }
}

/** One of each way to use a pool; all of them are swallowed. */
const uses = (db: Knex): Array<Promise<unknown>> => [
  db.raw('select 1').then(),
  db.select(db.raw('?::int', [1])).then(),
  db.transaction(async trx => {
    await trx.raw('select 1')
  }),
  db.raw('select 1').then(),
  db.transaction(async trx => {
    await trx.raw('select 1')
  })
]

/** Waits until a query is answered: connections that were being made while packets were swallowed end first. */
async function served(db: Knex): Promise<void> {
  while (
    await db.raw('select 1').then(
      () => false,
      () => true
    )
  ) {
    await pause(5)
  }
}

t.test(
  'packets swallowed: every query is rejected, also on connections that were idle for long before; healed: queries are answered again',
  async t => {
    const { db, proxy, used } = await startPool(t)
    for (const idleMs of [0, 3 * TIMEOUT_MS + 250]) {
      await served(db)
      await Promise.allSettled([1, 2, 3].map(() => db.raw('select 1')))
      // Not waiting for anything: the idle time of the connections is what is tested.
      await pause(idleMs)
      proxy.set('silent')
      for (const { status } of await Promise.allSettled(uses(db))) t.equal(status, 'rejected')
      proxy.set('pass')
      await served(db)
      t.equal(used(), 0, 'no connection is held by what was given up')
    }
  }
)

t.test(
  'packets swallowed in the middle of a transaction, or at its COMMIT, end it and give its connection back',
  async t => {
    const { db, proxy, used } = await startPool(t)
    await t.rejects(
      db.transaction(async trx => {
        await trx.raw('select 1')
        proxy.set('silent')
        await trx.raw('select 2')
      })
    )
    proxy.set('pass')
    await t.rejects(
      db.transaction(async trx => {
        await trx.raw('select 1')
        proxy.set('silent')
      })
    )
    proxy.set('pass')
    await served(db)
    t.equal(used(), 0)
  }
)

t.test('a statement is given up by the server at the limit', async t => {
  const { db } = await startPool(t)
  await served(db)
  await t.rejects(db.raw('select pg_sleep(60)'), { code: '57014' })
})

t.test('a connection that nobody gives back is not waited for longer than the limit', async t => {
  const { db } = await startPool(t)
  const gate = Promise.withResolvers<void>()
  const holders = [1, 2, 3].map(() =>
    db.transaction(async trx => {
      await trx.raw('select 1')
      await gate.promise
    })
  )
  for (const holder of holders) holder.catch(() => {})
  await Promise.all(holders.map(async () => await pause(0)))
  while ((db.client.pool as { numUsed: () => number }).numUsed() < 3) await pause(5)
  await t.rejects(db.raw('select 1').then(), { name: 'KnexTimeoutError' })
  gate.resolve()
  await Promise.allSettled(holders)
})
