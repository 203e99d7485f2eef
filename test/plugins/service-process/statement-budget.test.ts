// The time that is left of a request limits what it waits for at the database, with a real PostgreSQL.
import securityContext, { outsideRequests, requestDeadlines } from '@sallyport/security-context'
import { connectDatabase } from '@sallyport/service-process'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import Fastify from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { testDatabase } from '../../support/database.ts'

const TIME_MS = 100
/** Of the pool; the least that a statement has is a fifth of it. */
const SMALL_LIMIT_MS = 1000
const LIMIT_MS = 2000
/** Later than a statement of {@link LIMIT_MS} is cut, and sooner than a silent connection is. */
const HELD_MS = 900

interface Asked {
  /** Runs `work` in a request that has so much time, `null` for any; what it rejects with is the answer. */
  readonly within: <Result>(timeMs: number | null, work: (db: Knex) => Promise<Result>) => Promise<Result>
  readonly db: Knex
  readonly proxy: FaultProxy
}

async function start(t: Test, limitMs: number, connections = 3): Promise<Asked> {
  const { url, db: owner } = await testDatabase(t, 'statement-budget', async db => {
    await db.raw('create table things (thing text)')
  })
  await owner('things').delete()
  const proxy = await faultProxy(t, url)
  const db = connectDatabase({ databaseUrl: proxy.url, databaseConnections: connections, databaseTimeoutMs: limitMs })
  t.after(() => db.destroy())
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext, { txn: () => null, followRequests: true })
  await app.register(requestDeadlines)
  let work: (db: Knex) => Promise<unknown> = async () => {}
  let ended: Promise<unknown> = Promise.resolve()
  app.get('/', async () => {
    // A statement of knex runs again each time that it is awaited.
    ended = Promise.resolve(work(db))
    await ended.catch(() => {})
    return {}
  })
  const within = async <Result>(timeMs: number | null, given: (db: Knex) => Promise<Result>): Promise<Result> => {
    work = given
    await app.inject({ url: '/', headers: timeMs === null ? {} : { 'sallyport-timeout-ms': String(timeMs) } })
    return (await ended) as Result
  }
  return { within, db, proxy }
}

const limitOf = async (db: Knex): Promise<string> => (await db.raw('show statement_timeout')).rows[0].statement_timeout

t.test('a transaction tells the server what is left of the time of its request', async t => {
  const { within } = await start(t, SMALL_LIMIT_MS)
  t.equal(await within(null, db => db.transaction(limitOf)), '1s')
  t.equal(await within(60_000, db => db.transaction(limitOf)), '1s', 'never more than the limit of the pool')
  t.match(await within(700, db => db.transaction(limitOf)), /^[4-7]\d\dms$/)
  t.equal(await within(1, db => db.transaction(limitOf)), '200ms', 'what was begun can still be stored')
  t.equal(await within(null, limitOf), '1s', 'and only for this transaction')
  const shared = await within(1, async db => await outsideRequests(() => db.transaction(limitOf)))
  t.equal(shared, '1s', 'what belongs to several requests has the limit of the pool')
  await t.rejects(
    within(TIME_MS, db => db.transaction(trx => trx.raw('select pg_sleep(60)'))),
    { code: '57014' },
    'the server gives it up'
  )
  t.equal(await within(TIME_MS, db => db.transaction(async trx => (await trx('things').select()).length)), 0)
})

t.test('a statement beside any transaction loses its connection when the time of its request is over', async t => {
  const { within, db } = await start(t, SMALL_LIMIT_MS, 1)
  await within(TIME_MS, db => db.raw('select 1'))
  const startedAt = performance.now()
  await t.rejects(
    within(TIME_MS, db => db.raw('select pg_sleep(60)')),
    /time of the request is over/
  )
  t.ok(performance.now() - startedAt >= TIME_MS)
  t.equal((await db.raw('select 1 as one')).rows[0].one, 1, 'the next one gets another connection')
})

t.test('a request with little time waits no longer for a connection', async t => {
  const { within, db } = await start(t, SMALL_LIMIT_MS, 1)
  const held = await db.transaction()
  await held.raw('select 1')
  const startedAt = performance.now()
  await t.rejects(
    within(TIME_MS, db => db.raw('select 1')),
    { name: 'KnexTimeoutError' }
  )
  t.ok(performance.now() - startedAt < SMALL_LIMIT_MS, 'sooner than the limit of the pool')
  await held.rollback()
})

t.test('a COMMIT that was sent is waited for, whatever time is left', async t => {
  const { within, proxy, db } = await start(t, LIMIT_MS)
  let sent: Promise<void> | undefined
  const done = within(1, async db => {
    await db.transaction(async trx => {
      await trx('things').insert({ thing: 'one' })
      proxy.set('hold')
      sent = new Promise(resolve => setTimeout(resolve, HELD_MS))
    })
  })
  while (proxy.strikes() === 0) await new Promise(resolve => setTimeout(resolve, 5))
  await sent
  proxy.set('pass')
  await t.resolves(done)
  t.equal((await db('things')).length, 1)
})
