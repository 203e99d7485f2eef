import { sealNow, verifyChain } from '@sallyport/audit-log'
import type { FastifyInstance } from 'fastify'
import knex, { type Knex } from 'knex'
import t, { type Test } from 'tap'
import { faultProxy, type FaultProxy } from '@sallyport/testing'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'

const TIMEOUT_MS = 500
const SEAL_INTERVAL_MS = 1000
const READ = { access: 'public', audit: { action: 'order.read' } } as const

interface Setting {
  readonly superuser: Knex
  readonly proxy: FaultProxy
  readonly app: FastifyInstance
  /** Connections of the pool that somebody has. */
  readonly used: () => number
  /** One interval of the sealer. */
  readonly seal: () => Promise<void>
  readonly clock: { ms: number }
}

/** An app whose connections go through a proxy, from a pool that limits how long connecting takes and nothing else. */
async function setting(
  t: Test,
  options: { readonly maxWaitingRows?: number; readonly writeTimeoutMs?: number } = {}
): Promise<Setting> {
  const { superuser, appUrl } = await auditDatabase(t)
  const proxy = await faultProxy(t, appUrl)
  const connection = { connectionString: proxy.url, connectionTimeoutMillis: 2 * TIMEOUT_MS }
  const log = { warn: () => {}, error: () => {}, debug: () => {}, deprecate: () => {} }
  const db = knex({ client: 'pg', connection, log, acquireConnectionTimeout: 2 * TIMEOUT_MS, pool: { min: 0, max: 3 } })
  t.after(async () => {
    proxy.set('stopped')
    await db.destroy()
  })
  const clock = { ms: 0 }
  let seal = async (): Promise<void> => {}
  const app = await buildApp(
    t,
    {
      db,
      writeTimeoutMs: TIMEOUT_MS,
      sealer: { intervalMs: SEAL_INTERVAL_MS, stalledAfterIntervals: 3 },
      monotonicClock: () => clock.ms,
      route: { path: '/audit', access: 'authenticated' },
      schedule: (run, intervalMs) => {
        if (intervalMs === SEAL_INTERVAL_MS) seal = run
        return { stop: () => {} }
      },
      ...options
    },
    app => {
      app.get('/read', { config: READ }, async () => ({}))
      app.post('/held', { config: READ }, async request => {
        const trx = await db.transaction()
        proxy.set('silent')
        try {
          await request.audit(trx, { action: 'thing.create', outcome: 'success' })
        } catch (error) {
          // Not awaited: it is as silent as the rest, until the proxy stops.
          trx.rollback().catch(() => {})
          throw error
        }
      })
    }
  )
  return { superuser, proxy, app, used: () => db.client.pool.numUsed(), seal: () => seal(), clock }
}

const statuses = async (app: FastifyInstance, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, async () => (await app.inject('/read')).statusCode))
/** Reads until so many were acknowledged: under load one may be given up. */
async function acknowledge(app: FastifyInstance, wanted: number): Promise<void> {
  for (let acknowledged = 0; acknowledged < wanted;) {
    acknowledged += count(await statuses(app, wanted - acknowledged), 200)
  }
}
/** Runs the sealer until nothing is left, also of inserts that were given up and go on at the server. */
async function sealAll({ superuser, seal }: Setting): Promise<void> {
  await untilIdle(superuser)
  do await seal()
  while ((await verifyChain(superuser)).unsealedRows > 0)
}
/** Waits until the server has done all that it was sent. */
async function untilIdle(superuser: Knex): Promise<void> {
  const active =
    "select from pg_stat_activity where usename = 'test_audit_app' and datname = current_database() and state = 'active'"
  while ((await superuser.raw(active)).rows.length > 0);
}
/** A connection that was being made while packets were swallowed has its own limit, so the first tries may fail. */
async function untilServed(app: FastifyInstance): Promise<void> {
  while ((await app.inject('/read')).statusCode !== 200) await new Promise(setImmediate)
}
const count = (list: readonly number[], status: number): number => list.filter(each => each === status).length

t.test(
  'A1: packets are swallowed for a while: what is answered is recorded, and afterwards all is served without a restart',
  async t => {
    const setup = await setting(t)
    const { app, proxy, superuser } = setup
    await acknowledge(app, 3)
    let acknowledged = 3
    proxy.set('silent')
    const during = [...(await statuses(app, 20)), ...(await statuses(app, 20)), ...(await statuses(app, 20))]
    t.equal(count(during, 503), 60)
    t.equal((await app.inject('/audit')).statusCode, 503)
    t.ok(app.auditHealth.counts().givenUp >= 1)

    proxy.set('pass')
    await untilServed(app)
    acknowledged += 1
    await acknowledge(app, 30)
    acknowledged += 30
    t.equal(app.auditHealth.counts().waiting, 0)
    await sealAll(setup)
    const rows = (await rowsOf(superuser)).filter(row => row.action === 'order.read')
    t.ok(rows.length >= acknowledged, `${rows.length} rows for ${acknowledged} acknowledged reads`)
    t.match(await verifyChain(superuser), { ok: true, unsealedRows: 0 })
    t.equal(setup.used(), 0, 'a connection that was silent is not held for ever')
  }
)

t.test('an insert that was given up and arrives late is a row of its own that nobody was told of', async t => {
  const { app, superuser } = await setting(t)
  await superuser.transaction(async trx => {
    await trx.raw('lock table audit_events in access exclusive mode')
    t.equal((await app.inject('/read')).statusCode, 503)
  })
  await untilServed(app)
  await untilIdle(superuser)
  const rows = await rowsOf(superuser)
  t.ok(rows.length >= 1, `${rows.length} rows for one acknowledged read and at least one that was not`)
  await sealNow(superuser)
  t.match(await verifyChain(superuser), { ok: true, sealedRows: rows.length })
})

t.test('beyond the bound rows are refused at once, and counted', async t => {
  // No limit ends while the 40 reads come in, however long that takes.
  const { app, superuser } = await setting(t, { maxWaitingRows: 10, writeTimeoutMs: 60_000 })
  const { reads } = await superuser.transaction(async trx => {
    await trx.raw('lock table audit_events in access exclusive mode')
    const reads = statuses(app, 40)
    while (app.auditHealth.counts().refused < 29) await new Promise(setImmediate)
    t.equal(app.auditHealth.counts().waiting, 10)
    return { reads }
  })
  const answers = await reads
  t.same([count(answers, 200), count(answers, 503)], [11, 29], 'those that waited are written')
  t.equal(app.auditHealth.counts().refused, 29)
  t.equal(app.auditHealth.counts().waiting, 0)
  await acknowledge(app, 5)
})

t.test('the sealer gives a silent run up, says that it stands still, and goes on with a new connection', async t => {
  const setup = await setting(t)
  const { app, proxy, superuser, seal, clock } = setup
  await acknowledge(app, 5)
  await sealAll(setup)
  await acknowledge(app, 5)
  await untilIdle(superuser)
  const rows = (await rowsOf(superuser)).length
  proxy.set('silent')
  for (let interval = 0; interval < 4; interval++) {
    clock.ms += SEAL_INTERVAL_MS
    await t.resolves(
      interval < 3 ? app.auditHealth.check() : Promise.resolve(),
      'ready as long as a run may still succeed'
    )
    await seal()
  }
  await t.rejects(app.auditHealth.check(), /sealed for 4000 ms/)
  proxy.set('pass')
  while (
    await app.auditHealth.check().then(
      () => false,
      () => true
    )
  ) {
    await seal()
  }
  t.match(app.auditHealth.counts(), { unsealedForMs: 0 })
  t.match(
    await verifyChain(superuser),
    { ok: true, sealedRows: rows, unsealedRows: 0 },
    'nothing is sealed twice, and nothing is left'
  )
  t.equal(setup.used(), 0, 'a connection that was silent is not held for ever')
})

t.test('a step of the sealer that is cut in COMMIT is done once', async t => {
  for (const mode of ['cut-before-commit', 'cut-after-commit'] as const) {
    const setup = await setting(t)
    const { app, proxy, superuser, seal } = setup
    await acknowledge(app, 5)
    proxy.set(mode)
    while (proxy.strikes() === 0) await seal()
    await acknowledge(app, 2)
    await sealAll(setup)
    const rows = (await rowsOf(superuser)).length
    t.match(await verifyChain(superuser), { ok: true, sealedRows: rows, unsealedRows: 0 }, mode)
  }
})

t.test('a step of the sealer that its client gave up is ended by the server, which lets go of the lock', async t => {
  const setup = await setting(t)
  const { app, seal, superuser } = setup
  await acknowledge(app, 3)
  const locks = async (): Promise<number> =>
    (
      await superuser.raw(
        "select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"
      )
    ).rows.length
  await superuser.transaction(async trx => {
    await trx.raw('lock table audit_seals in access exclusive mode')
    await seal()
    while ((await locks()) > 0) await new Promise(setImmediate)
  })
  await sealAll(setup)
  t.match(await verifyChain(superuser), { ok: true, unsealedRows: 0 })
})

t.test('request.audit gives a transaction up whose connection is silent', async t => {
  const { app, proxy, superuser } = await setting(t)
  t.equal((await app.inject({ method: 'POST', url: '/held' })).statusCode, 503)
  proxy.set('pass')
  await untilServed(app)
  t.equal((await rowsOf(superuser)).filter(row => row.action === 'thing.create').length, 0)
})

t.test('without a sealer of its own a process is never unready for it', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, sealer: false }, () => {})
  await app.auditHealth.check()
  t.same(app.auditHealth.counts(), { waiting: 0, refused: 0, givenUp: 0, unsealedForMs: null })
})
