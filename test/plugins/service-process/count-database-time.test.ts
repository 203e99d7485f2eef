import securityContext, { spentTimesOf } from '@sallyport/security-context'
import { connectDatabase, instanceOptions } from '@sallyport/service-process'
import Fastify from 'fastify'
import t from 'tap'
import { countDatabaseTime } from '../../../plugins/service-process/src/count-database-time.ts'
import { testDatabase } from '../../support/database.ts'

t.test('the line of a request says how long it waited for the database, and for a connection to it', async t => {
  const { url } = await testDatabase(t, 'count-database-time', async () => {})
  const db = connectDatabase({ databaseUrl: url, databaseConnections: 1, databaseTimeoutMs: 10_000 })
  t.after(() => db.destroy())
  countDatabaseTime(db)
  const lines: Array<Record<string, number | string>> = []
  const facts = { name: 'test', settings: { logLevel: 'info', trustedProxies: [] }, requestIds: 'own' as const }
  const { logger, ...options } = instanceOptions(facts)
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const app = Fastify({ ...options, logger: { ...Object(logger), stream } })
  t.after(() => app.close())
  await app.register(securityContext, { txn: () => null, followRequests: true })
  const held = Promise.withResolvers<void>()
  const holding = Promise.withResolvers<void>()
  app.get('/holds', async () => {
    await db.transaction(async trx => {
      await trx.raw('select 1')
      holding.resolve()
      await held.promise
    })
    return {}
  })
  app.get('/waits', async request => {
    const asked = db.raw('select pg_sleep(0.02)').then()
    while ((db.client.pool as { numPendingAcquires: () => number }).numPendingAcquires() === 0) {
      await new Promise(setImmediate)
    }
    const before = spentTimesOf(request).databaseMs ?? 0
    held.resolve()
    await asked
    return { before }
  })
  app.get('/fails', async () => await db.raw('select nothing_of_the_kind'))
  app.get('/does-without', async () => ({}))
  const holds = app.inject('/holds')
  await holding.promise
  const { before } = (await app.inject('/waits')).json<{ before: number }>()
  await holds
  await app.inject('/fails')
  await app.inject('/does-without')
  await db.raw('select 1')
  const line = (route: string) => lines.find(({ route: other }) => other === route) ?? {}
  t.ok(before > 0, 'a connection is waited for')
  t.ok(Number(line('/waits').databaseMs) >= 20 + before, 'then the answer')
  t.ok(Number(line('/waits').databaseMs) <= Number(line('/waits').durationMs))
  t.ok(Number(line('/holds').databaseMs) < Number(line('/holds').durationMs), 'not what the handler does meanwhile')
  t.ok(Number(line('/fails').databaseMs) > 0)
  t.notOk('databaseMs' in line('/does-without'))
})
