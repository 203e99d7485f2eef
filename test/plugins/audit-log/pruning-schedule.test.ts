// Old rows are removed by schedule, by the pruner role, in bounded transactions, and never before their time.
import { placeHold, sealNow, verifyChain, type AuditLogOptions } from '@sallyport/audit-log'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { pruneAlone } from '../../../plugins/audit-log/src/pruning/prune-alone.ts'
import { measured } from '../support/measured.ts'
import { auditDatabase, buildApp, emptyTrail } from './support/audited-app.ts'
import { keptReceiver } from './support/kept-receiver.ts'

const DAY_MS = 86_400_000
const START = Date.UTC(2025, 0, 1)
const LOOK_INTERVAL_MS = 60_000

interface PruningApp {
  readonly app: FastifyInstance
  readonly clock: { nowMs: number; monotonicMs: number }
  /** What the schedule would do. */
  readonly look: () => Promise<void>
}

async function pruningApp(
  t: Test,
  db: Knex,
  pruning: Exclude<AuditLogOptions['pruning'], false | undefined>,
  more: Partial<AuditLogOptions> = {}
): Promise<PruningApp> {
  const clock = { nowMs: START, monotonicMs: 0 }
  const runs = new Map<number, () => Promise<void>>()
  const options: Omit<AuditLogOptions, 'process'> = {
    ...{ db, pruning, ...more },
    clock: () => clock.nowMs,
    monotonicClock: () => clock.monotonicMs,
    schedule: (run, intervalMs) => {
      runs.set(intervalMs, run)
      return { stop: () => {} }
    }
  }
  const app = await buildApp(t, options, () => {})
  return { app, clock, look: async () => runs.get(LOOK_INTERVAL_MS)?.() }
}

/** A row a day, from the start on. */
async function writeDays({ app, clock }: PruningApp, db: Knex, actions: readonly string[]): Promise<void> {
  for (const [day, action] of actions.entries()) {
    clock.nowMs = START + day * DAY_MS
    await app.auditSink.write({ action, outcome: 'success' })
  }
  await sealNow(db)
}
const left = async (db: Knex): Promise<unknown[]> =>
  (await db('audit_events').whereNot({ action: 'audit.prune' }).orderBy('occurred_at')).map(row => row.action)

const database = await auditDatabase(t)
const trail = async (): Promise<typeof database> => {
  await emptyTrail(database)
  return database
}

t.test('rows are removed once they are as old as their class is kept, and the trail verifies', async t => {
  const { app: db, prunerUrl: databaseUrl } = await trail()
  const classes = [{ actions: ['session.*'], keepDays: 60 }]
  const pruning = await pruningApp(t, db, { databaseUrl, keepDays: 30, classes })
  await writeDays(pruning, db, ['a', 'session.start', 'b', 'c'])
  const { app, clock, look } = pruning
  clock.nowMs = START + 30 * DAY_MS
  await look()
  t.same(await left(db), ['a', 'session.start', 'b', 'c'], 'not a moment too early')
  clock.nowMs = START + 32 * DAY_MS + 1
  await look()
  t.same((await left(db)).length, 4, 'once an hour')
  clock.monotonicMs = 3_600_000
  await look()
  t.same(await left(db), ['session.start', 'c'])
  t.equal(await measured(app, 'sallyport_audit_rows_pruned_total'), 2)
  const [stated] = await db('audit_events').where({ action: 'audit.prune' })
  t.match(stated, { process: 'order-service', detail: { firstSequence: 1, lastSequence: 1, removed: 1 } })
  clock.nowMs = START + 70 * DAY_MS
  clock.monotonicMs = 7_200_000
  await look()
  t.same(await left(db), [])
  t.match(await verifyChain(db), { ok: true })
})

t.test('a clock that is ahead makes no row old: that of the database counts too', async t => {
  const { app: db, prunerUrl: databaseUrl } = await trail()
  const { app, clock, look } = await pruningApp(t, db, { databaseUrl, keepDays: 30 })
  clock.nowMs = Date.now()
  await app.auditSink.write({ action: 'a', outcome: 'success' })
  await sealNow(db)
  clock.nowMs += 4000 * DAY_MS
  await look()
  t.same(await left(db), ['a'])
})

t.test('rows under a hold, and rows that were not pushed, are kept until they need not be', async t => {
  const { app: db, prunerUrl: databaseUrl } = await trail()
  const receiver = keptReceiver()
  receiver.instead = async () => Promise.reject(new Error('away'))
  const pruning = await pruningApp(t, db, { databaseUrl, keepDays: 30 }, { push: { receiver, intervalMs: 777 } })
  await writeDays(pruning, db, ['held', 'a', 'b'])
  await placeHold(db, { name: 'case 17', filter: { action: 'held' } }, { process: 'test', timeoutMs: 5000 })
  const { app, clock, look } = pruning
  await db('audit_pushes').insert({ id: 1 })
  clock.nowMs = START + 400 * DAY_MS
  const warned: unknown[] = []
  app.log.warn = (_facts: unknown, text?: string) => warned.push(text)
  await look()
  t.equal((await left(db)).length, 4)
  t.equal(await measured(app, 'sallyport_audit_prune_postponed_rows'), 3)
  t.same(warned, ['old audit rows are kept: they were not pushed yet'])
  await db('audit_pushes').update({ through_sequence: 2 })
  clock.monotonicMs += 3_600_000
  await look()
  t.same(await left(db), ['held', 'b', 'audit.hold'])
  t.equal(await measured(app, 'sallyport_audit_prune_postponed_rows'), 1)
})

t.test('one process prunes at a time, in transactions of so many rows', async t => {
  const { app: db, pruner, superuser, prunerUrl: databaseUrl } = await trail()
  const pruning = await pruningApp(t, db, { databaseUrl, keepDays: 30 })
  await writeDays(pruning, db, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  const run = { before: new Date(START + 6 * DAY_MS), process: 'test', timeoutMs: 5000, batchRows: 2 }
  await superuser.transaction(async trx => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('sallyport-audit-pruning'))")
    t.equal(await pruneAlone(pruner, run), null)
  })
  t.equal((await left(db)).length, 7)
  t.same(await pruneAlone(pruner, run), { removed: 6, postponed: 0 })
  t.same(await left(db), ['g'])
  t.equal((await db('audit_prunings')).length, 3)
  t.match(await verifyChain(db), { ok: true })
})

t.test('a database that is away is an error in the log, and tried again a minute later', async t => {
  const { app: db, prunerUrl } = await trail()
  const databaseUrl = prunerUrl.replace(/:\d+\//, ':1/')
  const { app, clock, look } = await pruningApp(t, db, { databaseUrl, keepDays: 30 })
  const failed: unknown[] = []
  app.log.error = (_facts: unknown, text?: string) => failed.push(text)
  await look()
  clock.monotonicMs += LOOK_INTERVAL_MS
  await look()
  t.same(failed, ['old audit rows could not be removed', 'old audit rows could not be removed'])
  t.equal(await measured(app, 'sallyport_audit_pruning_silent_seconds'), 60)
  t.notMatch(JSON.stringify(failed), 'for-tests-only')
})

for (const [what, pruning] of [
  ['a retention below the floor', { databaseUrl: 'postgres://p@localhost/x', keepDays: 29 }],
  [
    'a class below the floor',
    { databaseUrl: 'postgres://p@localhost/x', keepDays: 30, classes: [{ actions: ['a'], keepDays: 1 }] }
  ],
  ['another host without verified TLS', { databaseUrl: 'postgres://p:secret@db.example.com/x', keepDays: 30 }]
] satisfies [string, NonNullable<AuditLogOptions['pruning']>][]) {
  t.test(`${what} is refused at boot`, async t => {
    const { app: db } = await trail()
    const error: unknown = await buildApp(t, { db, pruning }, () => {}).catch((reason: unknown) => reason)
    t.match(error, { code: 'SALLYPORT_AUDIT_OPTIONS_INVALID', message: /pruning/ })
    t.notMatch(String(error), 'secret')
  })
}
