// The trail is pushed to a receiver outside: in order, each row at least once, whatever happens in between.
import { endPush, pruneAudit, runAuditCommand, sealNow, type AuditLogOptions } from '@sallyport/audit-log'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { PLACES_OF_A_READING } from '../../../plugins/audit-log/src/push/push-pending.ts'
import { measured } from '../support/measured.ts'
import { auditDatabase, buildApp, emptyTrail, rowsOf } from './support/audited-app.ts'
import { keptReceiver, type KeptReceiver } from './support/kept-receiver.ts'

interface PushedApp {
  readonly app: FastifyInstance
  /** What the schedule would do. */
  readonly push: () => Promise<void>
  readonly receiver: KeptReceiver
  readonly clock: { nowMs: number; monotonicMs: number }
}

/** An app that pushes when it is told to. */
async function pushingApp(
  t: Test,
  db: Knex,
  more: Omit<NonNullable<Exclude<AuditLogOptions['push'], false>>, 'receiver'> = {},
  receiver = keptReceiver()
): Promise<PushedApp> {
  const clock = { nowMs: Date.now(), monotonicMs: 0 }
  const runs = new Map<number, () => Promise<void>>()
  const app = await buildApp(
    t,
    {
      db,
      push: { receiver, intervalMs: PUSH_INTERVAL_MS, ...more },
      clock: () => clock.nowMs,
      monotonicClock: () => clock.monotonicMs,
      schedule: (run, intervalMs) => {
        runs.set(intervalMs, run)
        return { stop: () => {} }
      }
    },
    () => {}
  )
  return { app, receiver, clock, push: async () => runs.get(PUSH_INTERVAL_MS)?.() }
}
const PUSH_INTERVAL_MS = 777

async function writeRows(app: FastifyInstance, db: Knex, actions: readonly string[]): Promise<void> {
  for (const action of actions) await app.auditSink.write({ action, outcome: 'success', nameTried: 'in-clear' })
  await sealNow(db)
}
const actionsOf = ({ rows }: KeptReceiver): string[] => rows.map(({ action }) => action)
const throughOf = async (db: Knex): Promise<unknown> => (await db('audit_pushes').first())?.through_sequence

const database = await auditDatabase(t)
const trail = async (): Promise<typeof database> => {
  await emptyTrail(database)
  return database
}

t.test('sealed rows are pushed in order and in batches, once, and what is not sealed waits', async t => {
  const { app: db } = await trail()
  const { app, push, receiver } = await pushingApp(t, db, { batchRows: 2 })
  await app.auditSink.write({ action: 'not.sealed', outcome: 'success' })
  await push()
  t.same(receiver.rows, [])
  t.equal(await throughOf(db), '0', 'the place is there from the first look on')
  await writeRows(app, db, ['a', 'b', 'c', 'd'])
  t.equal(await measured(app, 'sallyport_audit_push_waiting_rows'), 0)
  await push()
  t.same(actionsOf(receiver), ['not.sealed', 'a', 'b', 'c', 'd'])
  t.same(
    receiver.rows.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5]
  )
  t.same(receiver.batches, [2, 2, 1])
  t.notMatch(JSON.stringify(receiver.rows), 'in-clear')
  t.ok(receiver.rows.every(({ sealed }) => sealed === null))
  await push()
  t.equal(receiver.rows.length, 5)
  t.match(app.auditHealth.push(), { waiting: 0, behindMs: 0, pushed: 5, failures: 0, refused: 0 })
  t.equal(await measured(app, 'sallyport_audit_rows_pushed_total'), 5)
})

t.test('what the receiver did not take is sent again, after pauses that grow, and loses nothing', async t => {
  const { app: db } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db, { maxPauseMs: 4000, behindAfterMs: 60_000 })
  let attempts = 0
  receiver.instead = async () => {
    attempts++
    throw new Error('not now')
  }
  await writeRows(app, db, ['a'])
  await push()
  await push()
  t.equal(attempts, 1, 'not again at once')
  for (const [monotonicMs, tried] of [
    [499, 1],
    [1001, 2],
    [1002 + 999, 2],
    [1001 + 2001, 3]
  ] as const) {
    clock.monotonicMs = monotonicMs
    await push()
    t.equal(attempts, tried, `${monotonicMs}`)
  }
  t.equal(await measured(app, 'sallyport_audit_push_failures_total'), 3)
  clock.nowMs += 61_000
  await push()
  t.ok(Number(await measured(app, 'sallyport_audit_push_lag_seconds')) >= 60, 'the lag is known in a pause too')
  await app.auditHealth.check()
  await writeRows(app, db, ['b'])
  receiver.instead = null
  clock.monotonicMs += 4001
  await push()
  t.same(actionsOf(receiver), ['a', 'b'])
  t.equal(await measured(app, 'sallyport_audit_push_lag_seconds'), 0)
})

t.test('a receiver that says when to come back is left alone until then', async t => {
  const { app: db } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db)
  let attempts = 0
  receiver.instead = async () => {
    attempts++
    throw Object.assign(new Error('later'), { retryAfterSeconds: 30 })
  }
  await writeRows(app, db, ['a'])
  await push()
  clock.monotonicMs = 29_999
  await push()
  t.equal(attempts, 1)
  clock.monotonicMs = 30_001
  await push()
  t.equal(attempts, 2)
})

t.test('a push that falls behind makes the process not ready where that is asked for', async t => {
  const { app: db } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db, { readiness: true, behindAfterMs: 5000 })
  receiver.instead = async () => Promise.reject(new Error('away'))
  await writeRows(app, db, ['a'])
  await push()
  await app.auditHealth.check()
  clock.nowMs += 60_000
  await push()
  await t.rejects(app.auditHealth.check(), /was not pushed for/)
  receiver.instead = null
  clock.monotonicMs += 60_000
  await push()
  await app.auditHealth.check()
})

t.test('one process pushes at a time, and another one goes on when it ends or dies', async t => {
  const { app: db } = await trail()
  const one = await pushingApp(t, db)
  const other = await pushingApp(t, db)
  await writeRows(one.app, db, ['a'])
  await one.push()
  await writeRows(one.app, db, ['b'])
  await other.push()
  t.same(other.receiver.rows, [], 'the first one has the place')
  t.equal(await measured(other.app, 'sallyport_audit_push_waiting_rows'), 1, 'and both know how far it is')
  await one.app.close()
  t.same(actionsOf(one.receiver), ['a', 'b'], 'a process that ends pushes what there is')
  await writeRows(other.app, db, ['c'])
  await other.push()
  t.same(actionsOf(other.receiver), ['c'])
  // As after `kill -9`: nobody let go of it, and its time is over.
  await db('audit_pushes').update({
    holder: '00000000-0000-4000-8000-000000000000',
    held_until: db.raw("now() - interval '1 ms'")
  })
  await writeRows(other.app, db, ['d'])
  await other.push()
  t.same(actionsOf(other.receiver), ['c', 'd'])
})

t.test('rows that were sent are sent again when the place did not move on, with the same ids', async t => {
  const { app: db } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db)
  await writeRows(app, db, ['a', 'b'])
  // Another process took the place while this one was sending: as after a pause of the machine.
  receiver.instead = async () => {
    await db('audit_pushes').update({
      holder: '00000000-0000-4000-8000-000000000000',
      held_until: db.raw("now() - interval '1 ms'")
    })
    return null
  }
  await push()
  t.equal(await throughOf(db), '0')
  receiver.instead = null
  clock.monotonicMs += 1000
  await push()
  t.same(actionsOf(receiver), ['a', 'b', 'a', 'b'])
  t.equal(new Set(receiver.rows.map(({ id }) => id)).size, 2)
  t.equal(await throughOf(db), '2')
})

t.test('a row that the receiver refuses holds up none after it, and its place is not lost', async t => {
  const { app: db } = await trail()
  const { app, push, receiver } = await pushingApp(t, db)
  await writeRows(app, db, ['a', 'b', 'poison', 'd', 'e'])
  receiver.instead = async rows =>
    rows.some(({ action }) => action === 'poison') ? { kind: 'refused', reason: 'it answered 400' } : null
  await push()
  t.same(actionsOf(receiver), ['a', 'b', 'audit.row-refused', 'd', 'e'])
  t.same(
    receiver.rows.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5]
  )
  t.equal(await measured(app, 'sallyport_audit_push_refused_rows_total'), 1)
  t.equal(await throughOf(db), '5')
})

t.test('a receiver that takes its time to refuse batches does not lose the process its place', async t => {
  const { app: db } = await trail()
  const { app, push, receiver } = await pushingApp(t, db)
  await writeRows(app, db, ['poison', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'])
  const secondsLeft: number[] = []
  receiver.instead = async rows => {
    const left = db.raw('extract(epoch from held_until - now())::integer as left')
    secondsLeft.push((await db('audit_pushes').first<{ left: number }>(left)).left)
    // As if it had taken so long.
    await db('audit_pushes').update({ held_until: db.raw("held_until - interval '10 seconds'") })
    return rows.some(({ action }) => action === 'poison') ? { kind: 'refused', reason: 'it answered 413' } : null
  }
  await push()
  t.same(actionsOf(receiver), ['audit.row-refused', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'])
  t.ok(secondsLeft.length > 6 && secondsLeft.every(left => left > 15), secondsLeft.join())
})

t.test('a first push of a trail that was pruned for years moves on in readings that end in time', async t => {
  const { app: db, superuser } = await trail()
  await superuser.raw(
    `insert into audit_seals (sequence, event_id, content_hash, chain_hash)
      select n, gen_random_uuid(), sha256(''), sha256('') from generate_series(1, ?::integer) n`,
    [PLACES_OF_A_READING + 1]
  )
  const { app, push, receiver } = await pushingApp(t, db)
  const places: number[] = []
  db.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => {
    if (sql.includes('set through_sequence')) places.push(Number(bindings[0]))
  })
  await writeRows(app, db, ['a'])
  await push()
  t.same(places, [PLACES_OF_A_READING, PLACES_OF_A_READING + 2])
  t.same(actionsOf(receiver), ['a'])
})

t.test('a receiver that refuses everything is tried again: nothing is left out', async t => {
  const { app: db } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db)
  await writeRows(app, db, ['a'])
  receiver.instead = async () => ({ kind: 'refused', reason: 'it answered 400' })
  await push()
  t.equal(await throughOf(db), '0')
  t.match(app.auditHealth.push(), { pushed: 0, failures: 1, refused: 0 })
  receiver.instead = null
  clock.monotonicMs += 1001
  await push()
  t.same(actionsOf(receiver), ['a'])
})

t.test('rows that were not pushed are not pruned; pruned ones hold up nothing', async t => {
  const { app: db, pruner } = await trail()
  const { app, push, receiver, clock } = await pushingApp(t, db)
  await writeRows(app, db, ['early'])
  const before = new Date(Date.now() + 60_000)
  t.match(await pruneAudit(pruner, { before }), { removed: 1 }, 'nothing is pushed yet')
  await push()
  t.same(actionsOf(receiver), [])
  receiver.instead = async () => Promise.reject(new Error('away'))
  await writeRows(app, db, ['a', 'b'])
  await push()
  const classes = [{ actions: ['b'], before }]
  t.match(await pruneAudit(pruner, { before, classes }), { removed: 0 })
  receiver.instead = null
  clock.monotonicMs += 1001
  await push()
  t.same(actionsOf(receiver), ['audit.prune', 'a', 'b'])
  t.match(await pruneAudit(pruner, { before, classes }), { removed: 2 })
})

t.test('a push that is ended keeps no row any more, and whoever pushes again goes on where it was', async t => {
  const { app: db, pruner } = await trail()
  const { app, push, receiver } = await pushingApp(t, db)
  await writeRows(app, db, ['a'])
  await push()
  await writeRows(app, db, ['b'])
  const context = { process: 'test', detail: { reason: 'another SIEM' }, timeoutMs: 5000 }
  t.equal(await endPush(db, context), 1)
  t.equal(await endPush(db, context), null)
  t.match(await rowsOf(db), [
    {},
    {},
    { action: 'audit.push-end', detail: { reason: 'another SIEM', throughSequence: 1 } }
  ])
  t.match(await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) }), { removed: 2 })
  await writeRows(app, db, ['c'])
  await push()
  t.same(actionsOf(receiver), ['a', 'audit.push-end', 'audit.prune', 'c'])
})

t.test('the place of the push moves forward only, and not beyond the trail', async t => {
  const { app: db, pruner } = await trail()
  const { app, push } = await pushingApp(t, db)
  await writeRows(app, db, ['a', 'b'])
  await push()
  await t.rejects(db('audit_pushes').update({ through_sequence: 1 }), { code: '23514' })
  await t.rejects(db('audit_pushes').update({ through_sequence: 3 }), { code: '23514' })
  const denied = { code: '42501' }
  await t.rejects(db('audit_pushes').delete(), denied)
  await t.rejects(db('audit_pushes').insert({ id: 1, through_sequence: 9 }), denied)
  await t.rejects(pruner('audit_pushes').update({ through_sequence: 9 }), denied)
  t.equal(await throughOf(db), '2')
})

t.test('an app that pushes no more says that its rows are kept from being pruned', async t => {
  const { app: db } = await trail()
  const { app, push } = await pushingApp(t, db)
  await push()
  await app.close()
  const warned = Promise.withResolvers<string>()
  const silent = await buildApp(t, { db }, () => {})
  silent.log.warn = (_facts: unknown, text?: string) => {
    warned.resolve(text ?? '')
  }
  await silent.listen({ port: 0, host: '127.0.0.1' })
  t.match(await warned.promise, /nobody pushes the audit trail any more/)
})

t.test('the command line shows how far the push is, and ends it', async t => {
  const { app: db, appUrl } = await trail()
  const shown: string[] = []
  const call = async (...args: readonly string[]): Promise<number> => {
    const out = (text: string): void => {
      shown.push(text)
    }
    const environment = { DATABASE_URL: appUrl }
    return await runAuditCommand({ args: ['push', ...args], environment, call: 'sallyport-audit', out, error: out })
  }
  t.equal(await call(), 0)
  const { app, push } = await pushingApp(t, db)
  await writeRows(app, db, ['a'])
  await push()
  await writeRows(app, db, ['b'])
  t.equal(await call(), 0)
  t.equal(await call('--end', '--because', 'another SIEM'), 0)
  t.same(shown, [
    'the trail was never pushed\n',
    'pushed through 1, 1 rows wait\n',
    'pushed through 1, 1 rows wait; ended\n'
  ])
  t.match((await rowsOf(db)).at(-1), { action: 'audit.push-end', detail: { operator: String, reason: 'another SIEM' } })
  t.equal(await call('--because', 'x'), 2)
})
