// What an outage does to rows outside transactions, by class: a real database behind a proxy that breaks.
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pruneAudit, sealNow, verifyChain, type FailureMode } from '@sallyport/audit-log'
import { faultProxy, type FaultMode, type FaultProxy } from '@sallyport/testing'
import type { FastifyInstance } from 'fastify'
import knex, { type Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'
import { SPILL_KEY, spillFolder } from './support/spill-folder.ts'

/** Of a database that does not answer; elsewhere a busy machine has time. */
const SILENT_TIMEOUT_MS = 500
const TIMEOUT_MS = 30_000
const REPLAY_MS = 1234
const caller = { 'x-test-subject': 'user-1' }

interface Setting {
  readonly superuser: Knex
  readonly pruner: Knex
  readonly proxy: FaultProxy
  readonly app: FastifyInstance
  readonly folder: string
  /** One attempt to write what was kept. */
  readonly replay: () => Promise<void>
  /** Attempts until the trail is written again. */
  readonly untilBack: () => Promise<void>
}

async function setting(
  t: Test,
  modes: { readonly changes?: FailureMode; readonly refusals?: FailureMode; readonly reads?: FailureMode },
  timeoutMs = TIMEOUT_MS
): Promise<Setting> {
  const { superuser, pruner, appUrl } = await auditDatabase(t)
  const proxy = await faultProxy(t, appUrl)
  const connection = { connectionString: proxy.url, connectionTimeoutMillis: 2 * timeoutMs }
  const log = { warn: () => {}, error: () => {}, debug: () => {}, deprecate: () => {} }
  const db = knex({ client: 'pg', connection, log, acquireConnectionTimeout: 2 * timeoutMs, pool: { min: 0, max: 3 } })
  t.after(async () => {
    proxy.set('stopped')
    await db.destroy()
  })
  const folder = spillFolder(t)
  let replay = async (): Promise<void> => {}
  const app = await buildApp(
    t,
    {
      db,
      writeTimeoutMs: timeoutMs,
      outage: { ...modes, folder, keys: [SPILL_KEY], intervalMs: REPLAY_MS },
      schedule: (run, intervalMs) => {
        if (intervalMs === REPLAY_MS) replay = run
        return { stop: () => {} }
      }
    },
    app => {
      const read = { access: 'authenticated', audit: { action: 'order.read' } } as const
      app.get<{ Params: { id: string } }>(
        '/read/:id',
        { config: { ...read, audit: { ...read.audit, resource: { type: 'order', parameter: 'id' } } } },
        async () => ({})
      )
      app.get('/refused', { config: read }, async (_request, reply) => reply.code(403).send({}))
      app.post('/forwarded', { config: read }, async request => {
        request.securityEvents.push({ stage: 'session', outcome: 'success', reason: 'started' })
        return {}
      })
    }
  )
  return {
    superuser,
    pruner,
    proxy,
    app,
    folder,
    replay: () => replay(),
    untilBack: async () => {
      do await replay()
      while (app.auditHealth.outage().spillWaiting > 0 || (await statusOf(app, '/read/probe')) !== 200)
    }
  }
}

const timeoutIn = (mode: FaultMode): number => (mode === 'silent' ? SILENT_TIMEOUT_MS : TIMEOUT_MS)

const statusOf = async (app: FastifyInstance, url: string, method: 'GET' | 'POST' = 'GET'): Promise<number> =>
  (await app.inject({ url, method, headers: caller })).statusCode

/** Reads one after the other, so that their order is known. */
async function readInOrder(app: FastifyInstance, ids: readonly number[]): Promise<number[]> {
  const statuses: number[] = []
  for (const id of ids) statuses.push(await statusOf(app, `/read/${id}`))
  return statuses
}
const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index)
const sealedIds = async (db: Knex): Promise<number[]> =>
  (
    await db('audit_seals as s')
      .join('audit_events as e', 'e.id', 's.event_id')
      .where({ action: 'order.read', outcome: 'success' })
      .whereNot({ resource_id: 'probe' })
      .orderBy('s.sequence')
      .pluck('e.resource_id')
  ).map(Number)

for (const mode of ['stopped', 'reset', 'silent'] satisfies FaultMode[]) {
  t.test(
    `database ${mode}: kept rows are acknowledged, and written in their order and once when it is back`,
    async t => {
      const { app, proxy, superuser, untilBack, replay } = await setting(t, { reads: 'spill' }, timeoutIn(mode))
      t.same(await readInOrder(app, numbers(0, 3)), [200, 200, 200])
      proxy.set(mode)
      t.same(await readInOrder(app, numbers(3, 20)), Array(20).fill(200))
      await replay()
      t.same(await readInOrder(app, numbers(23, 5)), Array(5).fill(200), 'also after an attempt that failed')
      t.ok(app.auditHealth.outage().spillWaiting >= 25)
      proxy.set('pass')
      await untilBack()
      t.same(await readInOrder(app, numbers(28, 2)), [200, 200])
      await sealNow(superuser)
      t.same(await sealedIds(superuser), numbers(0, 30))
      t.match(app.auditHealth.outage(), { spillWaiting: 0, dropped: 0 })
      t.match(await verifyChain(superuser), { ok: true, unsealedRows: 0 })
    }
  )
}

t.test('an insert that was done and whose answer was lost is kept and written again, and is one row', async t => {
  const { app, proxy, superuser, untilBack } = await setting(t, { reads: 'spill' })
  await readInOrder(app, [0])
  proxy.set('hold')
  const answer = statusOf(app, '/read/1')
  while (proxy.strikes() === 0) await new Promise(setImmediate)
  while ((await rowsOf(superuser)).length < 2);
  proxy.set('reset')
  t.equal(await answer, 200)
  t.equal(app.auditHealth.outage().spillWaiting, 1)
  proxy.set('pass')
  await untilBack()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [0, 1])
})

t.test('a row that arrived, was sealed and pruned before the file is written again stays away', async t => {
  const { app, proxy, superuser, pruner, untilBack } = await setting(t, { reads: 'spill' })
  await readInOrder(app, [0])
  proxy.set('hold')
  const answer = statusOf(app, '/read/1')
  while ((await rowsOf(superuser)).length < 2);
  proxy.set('reset')
  t.equal(await answer, 200)
  await sealNow(superuser)
  t.match(await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) }), { removed: 2 })
  proxy.set('pass')
  await untilBack()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [])
  t.match(await verifyChain(superuser), { ok: true, unsealedRows: 0 })
})

t.test('the default refuses with 503, and nothing is kept', async t => {
  const { app, proxy, superuser, untilBack } = await setting(t, {})
  proxy.set('stopped')
  t.equal(await statusOf(app, '/read/1'), 503)
  t.equal(await statusOf(app, '/refused'), 503)
  t.equal(await statusOf(app, '/forwarded', 'POST'), 503)
  proxy.set('pass')
  await untilBack()
  t.same(
    (await rowsOf(superuser)).map(row => row['resource_id']),
    ['probe']
  )
})

t.test('each class goes its own way', async t => {
  const { app, proxy, superuser, untilBack } = await setting(t, { refusals: 'spill', reads: 'drop' })
  proxy.set('stopped')
  t.equal(await statusOf(app, '/forwarded', 'POST'), 503, 'changes are refused')
  t.equal(await statusOf(app, '/refused'), 403, 'a refusal is kept')
  t.equal(await statusOf(app, '/read/1'), 200, 'a read is left out')
  t.match(app.auditHealth.outage(), { spillWaiting: 1, spilled: 1, dropped: 1 })
  proxy.set('pass')
  await untilBack()
  const rows = await rowsOf(superuser)
  t.equal(rows.filter(row => row.outcome === 'denied').length, 1)
  t.match(
    rows.filter(row => row.action === 'audit.gap'),
    [{ outcome: 'failure', reason: 'dropped', repeats: 1, detail: { missing: 1, class: 'reads' } }]
  )
})

t.test('dropped rows are counted exactly: every read is a row or in the count of a gap', async t => {
  for (const mode of ['stopped', 'silent'] satisfies FaultMode[]) {
    const { app, proxy, superuser, untilBack } = await setting(t, { reads: 'drop' }, timeoutIn(mode))
    await readInOrder(app, numbers(0, 5))
    proxy.set(mode)
    const during = await Promise.all(numbers(5, 60).map(async id => statusOf(app, `/read/${id}`)))
    t.same(during, Array(60).fill(200), 'none waits for the database longer than the limit')
    await Promise.all(numbers(65, 35).map(async id => statusOf(app, `/read/${id}`)))
    proxy.set('pass')
    await untilBack()
    const rows = await rowsOf(superuser)
    const written = new Set(rows.filter(row => row.action === 'order.read').map(row => row['resource_id']))
    written.delete('probe')
    const missing = rows.filter(row => row.action === 'audit.gap').reduce((sum, row) => sum + Number(row['repeats']), 0)
    t.equal(written.size + missing, 100, `${written.size} rows and ${missing} in gaps`)
    t.ok(missing >= 35)
  }
})

t.test('the count of a long outage stays small, also where the row of a gap cannot be written', async t => {
  const { app, proxy, superuser, replay, untilBack } = await setting(t, { reads: 'drop' })
  proxy.set('stopped')
  await readInOrder(app, [0, 1])
  await superuser.raw("alter table audit_events add constraint no_gap check (action <> 'audit.gap')")
  proxy.set('pass')
  await replay()
  const statuses: number[] = []
  for (const id of numbers(2, 80)) {
    statuses.push(await statusOf(app, `/read/${id}`))
    await replay()
  }
  t.same(statuses, Array(80).fill(200), 'none is refused because the count is full')
  await superuser.raw('alter table audit_events drop constraint no_gap')
  t.equal(app.auditHealth.outage().spillWaiting, 0)
  if (!t.passing()) return
  await untilBack()
  const gaps = (await rowsOf(superuser)).filter(row => row.action === 'audit.gap')
  t.equal(
    gaps.reduce((sum, row) => sum + Number(row['repeats']), 0),
    81
  )
})

t.test('rows that were kept and are lost leave a gap with the exact count, and the rest is written', async t => {
  const { app, proxy, superuser, folder, untilBack } = await setting(t, { reads: 'spill' })
  proxy.set('stopped')
  await readInOrder(app, numbers(0, 4))
  truncateSync(join(folder, 'rows.spill'), 56)
  t.equal(await statusOf(app, '/read/9'), 200)
  proxy.set('pass')
  await untilBack()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [9])
  t.match(
    (await rowsOf(superuser)).filter(row => row.action === 'audit.gap'),
    [{ reason: 'spill-damaged', repeats: 4 }]
  )
  t.equal(app.auditHealth.outage().lost, 4)
})

t.test(
  'the folder is removed while rows are kept: no row is lost, and where none can be made rows are refused',
  async t => {
    const { app, proxy, superuser, folder, untilBack } = await setting(t, { reads: 'spill' })
    proxy.set('stopped')
    await readInOrder(app, [0, 1])
    rmSync(folder, { recursive: true })
    t.equal(await statusOf(app, '/read/2'), 200, 'it is made anew')
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'in the way')
    t.equal(await statusOf(app, '/read/3'), 503)
    proxy.set('pass')
    await untilBack()
    await sealNow(superuser)
    t.same(await sealedIds(superuser), [0, 1, 2])
    t.same(
      (await rowsOf(superuser)).filter(row => row.action === 'audit.gap'),
      []
    )
  }
)

t.test('a row that the database refuses whenever it is tried does not keep back the others', async t => {
  const { app, proxy, superuser, untilBack } = await setting(t, { reads: 'spill' })
  proxy.set('stopped')
  await readInOrder(app, [0, 1, 2])
  await superuser.raw("alter table audit_events add constraint no_one check (resource_id <> '1')")
  proxy.set('pass')
  await untilBack()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [0, 2])
  t.match(
    (await rowsOf(superuser)).filter(row => row.action === 'audit.gap'),
    [{ reason: 'row-refused', repeats: 1 }]
  )
  await t.resolves(statusOf(app, '/read/1').then(status => t.equal(status, 503, 'and is refused while it is not away')))
})

t.test('a refused row is counted once, also where what follows it has to be tried again', async t => {
  const { app, proxy, superuser, replay, untilBack } = await setting(t, { reads: 'spill' })
  proxy.set('stopped')
  await readInOrder(app, [0, 1, 2])
  await superuser.raw("alter table audit_events add constraint no_one check (resource_id <> '1')")
  await superuser.raw(`create function not_now() returns trigger language plpgsql as $$
    begin raise exception 'not now' using errcode = 'query_canceled'; end $$`)
  await superuser.raw(`create trigger not_now before insert on audit_events for each row
    when (new.resource_id = '2') execute function not_now()`)
  proxy.set('pass')
  for (let n = 0; n < 3; n++) await replay()
  t.equal(app.auditHealth.outage().spillWaiting, 3)
  await superuser.raw('drop trigger not_now on audit_events')
  await untilBack()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [0, 2])
  t.match(
    (await rowsOf(superuser)).filter(row => row.action === 'audit.gap'),
    [{ reason: 'row-refused', repeats: 1, detail: { missing: 1 } }]
  )
})

t.test('text that no index of the database holds as it is keeps back nothing', async t => {
  const { app, proxy, superuser, untilBack } = await setting(t, { changes: 'spill', reads: 'spill' })
  const wide = Array.from({ length: 2000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join('')
  const event = {
    action: wide,
    outcome: 'denied',
    reason: wide,
    subject: wide,
    clientId: wide,
    resource: { type: wide, id: wide }
  } as const
  await app.auditSink.write(event)
  proxy.set('stopped')
  await app.auditSink.write(event)
  t.equal(await statusOf(app, '/read/1'), 200)
  proxy.set('pass')
  await untilBack()
  const rows = await rowsOf(superuser)
  t.equal(rows.filter(row => row.outcome === 'denied').length, 2)
  t.same(
    rows.filter(row => row.action === 'audit.gap'),
    []
  )
})

t.test('A1: a process that ends during the outage leaves its rows to the next one', async t => {
  const { app, proxy, superuser, folder } = await setting(t, { reads: 'spill' })
  proxy.set('stopped')
  await readInOrder(app, [0, 1])
  await app.close()
  proxy.set('pass')
  const db = knex({ client: 'pg', connection: proxy.url, pool: { min: 0, max: 2 } })
  t.after(async () => {
    await db.destroy()
  })
  const outage = { reads: 'spill', folder, keys: [SPILL_KEY] } as const
  const read = {
    access: 'authenticated',
    audit: { action: 'order.read', resource: { type: 'order', parameter: 'id' } }
  } as const
  const next = await buildApp(t, { db, outage, schedule: () => ({ stop: () => {} }) }, app => {
    app.get('/read/:id', { config: read }, async () => ({}))
  })
  t.equal(next.auditHealth.outage().spillWaiting, 2)
  t.equal(await statusOf(next, '/read/2'), 200)
  t.equal(next.auditHealth.outage().spillWaiting, 3, 'what is new stays behind what is older')
  await next.close()
  await sealNow(superuser)
  t.same(await sealedIds(superuser), [0, 1, 2])
})

t.test('spill and drop without a folder or keys fail the boot, naming both', async t => {
  const { app: db } = await auditDatabase(t)
  await t.rejects(
    buildApp(t, { db, outage: { reads: 'drop' } }, () => {}),
    {
      code: 'SALLYPORT_AUDIT_OPTIONS_INVALID',
      message: /outage\.folder is missing.*outage\.keys are missing/
    }
  )
})
