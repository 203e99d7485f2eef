import { createAuditSealer, type AuditSealer } from '../../../plugins/audit-log/src/audit-sealer.ts'
import { sealNow, verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { auditDatabase, buildApp } from './support/audited-app.ts'

/** A sealer as a process that starts now has it; `run` is one interval. */
function startSealer(db: Knex): AuditSealer & { run: () => Promise<void>; readonly errors: unknown[] } {
  let run = async (): Promise<void> => {}
  const errors: unknown[] = []
  const sealer = createAuditSealer({
    db,
    intervalMs: 1000,
    timeoutMs: 5000,
    monotonicClock: () => 0,
    onSealed: () => {},
    onError: error => {
      errors.push(error)
    },
    schedule: given => {
      run = given
      return { stop: () => {} }
    }
  })
  sealer.start()
  return { ...sealer, run: () => run(), errors }
}

/**
 * Rows of the audit tables that the statements of `work` looked at, by the plans of those statements, made with what
 * the transaction has set.
 */
async function rowsLookedAt(db: Knex, explainer: Knex, work: () => Promise<unknown>): Promise<number> {
  const statements: { sql: string; bindings: readonly unknown[] }[] = []
  const note = ({ sql, bindings = [] }: { sql: string; bindings?: readonly unknown[] }): void => {
    if (/set_config|from "?audit_/.test(sql)) statements.push({ sql, bindings })
  }
  db.on('query', note)
  await work()
  db.removeListener('query', note)
  let looked = 0
  const connection = await explainer.client.acquireConnection()
  await connection.query('begin')
  for (const { sql, bindings } of statements) {
    const settings = sql.includes('set_config')
    const { rows } = await connection.query(settings ? sql : `explain (analyze, format json) ${sql}`, bindings)
    if (!settings) looked += scanned(rows[0]['QUERY PLAN'][0].Plan)
  }
  await connection.query('rollback')
  explainer.client.releaseConnection(connection)
  return looked
}

interface Plan {
  readonly 'Node Type': string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

function scanned(plan: Plan): number {
  const own = plan['Node Type'].includes('Scan')
    ? (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
    : 0
  return (plan.Plans ?? []).reduce((sum, child) => sum + scanned(child), own)
}

/** Rows of transactions of ten, written by the database itself; hashes do not matter here. */
async function seed(superuser: Knex, count: number): Promise<void> {
  for (let i = 0; i < count / 10; i++) {
    await superuser.raw(`insert into audit_events (id, occurred_at, process, action, outcome, content_hash)
      select gen_random_uuid(), now(), 'seed', 'seeded', 'success', sha256('x') from generate_series(1, 10)`)
  }
}

/** Waits until no transaction of another test, in whatever database of the cluster, is older than the newest row. */
async function nothingOpen(superuser: Knex): Promise<void> {
  for (;;) {
    const { rows } = await superuser.raw(
      'select from audit_events where transaction_id >= pg_snapshot_xmin(pg_current_snapshot()) and transaction_id < pg_snapshot_xmax(pg_current_snapshot()) limit 1'
    )
    if (rows.length === 0) return
  }
}

t.test('the first run after a restart looks at the tail only, however long the trail is', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  await seed(superuser, 5000)
  await nothingOpen(superuser)
  await startSealer(db).run()
  t.equal(Number((await db('audit_seals').count('* as count').first())?.count), 5000)
  await superuser.raw('analyze audit_events, audit_seals')
  await seed(superuser, 30)
  const restarted = startSealer(db)
  const looked = await rowsLookedAt(db, superuser, async () => {
    await restarted.run()
  })
  t.match(await verifyUnsealed(db), { unsealed: 0 })
  t.ok(looked < 300, `${looked} rows looked at: the last transactions, the new rows`)
  const idle = await rowsLookedAt(db, superuser, async () => {
    await restarted.run()
  })
  t.ok(idle < 200, `${idle} rows looked at when nothing is new`)
})

const STATISTICS = {
  'that nobody made': async () => {},
  'of empty tables': async (superuser: Knex) => {
    await superuser.raw('create table full_seals as table audit_seals')
    await superuser.raw('create table full_events as table audit_events')
    await superuser.raw('truncate audit_seals, audit_events')
    await superuser.raw('analyze audit_events, audit_seals')
    await superuser.raw('insert into audit_seals table full_seals')
    await superuser.raw('insert into audit_events table full_events')
  },
  'that are fresh': async (superuser: Knex) => {
    await superuser.raw('analyze audit_events, audit_seals')
  }
}

for (const [statistics, make] of Object.entries(STATISTICS)) {
  t.test(`pages full of new rows look at nothing but them, with statistics ${statistics}`, async t => {
    const { app: db, superuser } = await auditDatabase(t)
    for (const table of ['audit_events', 'audit_seals']) {
      await superuser.raw('alter table ?? set (autovacuum_enabled = off)', [table])
    }
    await seed(superuser, 6000)
    await nothingOpen(superuser)
    await startSealer(db).run()
    await make(superuser)
    await seed(superuser, 5000)
    await nothingOpen(superuser)
    const looked = await rowsLookedAt(db, superuser, async () => {
      await startSealer(db).run()
    })
    t.match(await verifyUnsealed(db), { unsealed: 0 })
    t.ok(
      looked <= 3 * 5000 + 100,
      `${looked} rows looked at: the 5000 new ones, as rows, in their pages and by their seals`
    )
  })
}

async function verifyUnsealed(db: Knex): Promise<{ unsealed: number }> {
  const {
    rows: [row]
  } = await db.raw(
    'select count(*) from audit_events e where not exists (select from audit_seals s where s.event_id = e.id)'
  )
  return { unsealed: Number(row.count) }
}

t.test(
  'A4: rows of a transaction that was open at the last run before the restart, and commits after it, are sealed',
  async t => {
    const { app: db, superuser } = await auditDatabase(t)
    const app = await buildApp(t, { db }, app => {
      app.post('/late', { config: { access: 'public', audit: { action: 'late.one' } } }, async request => {
        const trx = await db.transaction()
        await request.audit(trx, { action: 'late.one', outcome: 'success' })
        await seed(superuser, 2500)
        const before = startSealer(db)
        await before.run()
        await before.run()
        await app.auditSink.write({ action: 'between', outcome: 'success' })
        await startSealer(db).run()
        t.match(await verifyUnsealed(db), { unsealed: 0 }, 'everything but the open transaction')
        await trx.commit()
        return {}
      })
    })
    t.equal((await app.inject({ method: 'POST', url: '/late' })).statusCode, 200)
    t.match(await verifyUnsealed(db), { unsealed: 1 })
    await startSealer(db).run()
    t.match(await verifyUnsealed(db), { unsealed: 0 })
    const { rows } = await db.raw(
      'select e.action from audit_seals s join audit_events e on e.id = s.event_id order by s.sequence desc limit 2'
    )
    t.same(
      rows.map((row: { action: string }) => row.action),
      ['late.one', 'between']
    )
  }
)

t.test('a run that ends in the middle goes on there after a restart', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  await seed(superuser, 6000)
  const cut = createAuditSealer({
    db,
    intervalMs: 1,
    timeoutMs: 5000,
    monotonicClock: () => 0,
    onSealed: () => {
      void cut.close()
    },
    onError: () => {},
    schedule: () => ({ stop: () => {} })
  })
  await cut.sealNow()
  await cut.close()
  await startSealer(db).run()
  t.match(await verifyUnsealed(db), { unsealed: 0 })
  const {
    rows: [chain]
  } = await db.raw('select count(*), max(sequence) from audit_seals')
  t.same([Number(chain.count), Number(chain.max)], [6000, 6000])
})

t.test('a trail that was sealed without watermarks is looked at once, page by page', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  await seed(superuser, 4500)
  await sealNow(db)
  await superuser('audit_seals').update({ watermark: null })
  await superuser('audit_seals').where({ sequence: 1 }).delete()
  await superuser.raw('update audit_seals set sequence = sequence - 1')
  await startSealer(db).run()
  t.match(await verifyUnsealed(db), { unsealed: 0 }, 'the row without a seal is the oldest of all')
  t.not((await db('audit_seals').orderBy('sequence', 'desc').first()).watermark, null)
})

t.test(
  'a trail that was copied from another cluster, whose transaction ids are still to come here, is sealed',
  async t => {
    const { app: db, superuser } = await auditDatabase(t)
    await seed(superuser, 4500)
    await sealNow(db)
    await superuser.raw(
      'update audit_events set transaction_id = (transaction_id::text::bigint + 1000000000)::text::xid8'
    )
    await superuser.raw(
      'update audit_seals set watermark = (watermark::text::bigint + 1000000000)::text::xid8 where watermark is not null'
    )
    await superuser.raw(`insert into audit_events (id, occurred_at, process, action, outcome, content_hash, transaction_id)
    select gen_random_uuid(), now(), 'seed', 'copied.unsealed', 'success', sha256('x'), '2000000000'`)
    await seed(superuser, 20)
    await superuser.raw('analyze audit_events, audit_seals')
    const first = startSealer(db)
    await nothingOpen(superuser)
    await first.run()
    t.match(await verifyUnsealed(db), { unsealed: 0 })
    await seed(superuser, 20)
    const looked = await rowsLookedAt(db, superuser, async () => {
      await startSealer(db).run()
    })
    t.match(await verifyUnsealed(db), { unsealed: 0 })
    t.ok(looked < 300, `${looked} rows looked at: the copied ones are not looked at again`)
    t.match(first.errors, [])
    t.match(await verifyChain(db), { sealedRows: 4541 })
  }
)
