// Pages of a trail that has spans, held against what a plain reading of all rows finds.
import {
  auditMigrations,
  readAudit,
  sealNow,
  verifyChain,
  type AuditQuery,
  type SealedRecord
} from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { explainPage } from '../../support/explain-pages.ts'
import { auditDatabase, buildApp, ROLES, type AuditDatabase } from './support/audited-app.ts'

const ROWS = 6000
const START_MS = Date.UTC(2026, 0, 1)
const timeAt = (minute: number): Date => new Date(START_MS + minute * 60_000)

/**
 * A minute for each row, in transactions of 200; what came late was kept on disk somewhere, one clock is a day ahead,
 * and one has no idea of the time.
 */
async function scatteredTrail(t: Test): Promise<AuditDatabase> {
  const database = await auditDatabase(t)
  const { app: db, superuser } = database
  for (let first = 0; first < ROWS; first += 200) {
    await superuser.raw(
      `
      insert into audit_events (id, version, occurred_at, process, action, outcome, reason, subject, client_id,
        resource_type, resource_id, content_hash)
      select gen_random_uuid(), 1,
        case when n % 97 = 0 then '1970-01-02'::timestamptz
          else '2026-01-01'::timestamptz + n * interval '1 minute'
            + case when n % 11 = 0 then -interval '3 hours' when n % 13 = 0 then interval '1 day' else interval '0' end
        end,
        'p', 'action-' || n % 3, case when n % 5 = 0 then 'denied' else 'success' end,
        case when n % 5 = 0 then 'reason-' || n % 2 end,
        case when n < 1800 then 'gone' when n % 700 = 0 then 'rare' else 'user-' || n % 7 end, 'client-' || n % 2,
        'order', 'order-' || n % 2500, sha256(n::text::bytea)
      from generate_series(?::integer, ?::integer) n`,
      [first, first + 199]
    )
    if (first % 1000 === 0) await sealNow(db)
  }
  await sealNow(db)
  await superuser.raw('analyze')
  return database
}

const byQuery = (query: Partial<AuditQuery>) => (row: SealedRecord) =>
  Object.entries(query).every(([name, value]) => {
    if (name === 'from') return new Date(row.occurredAt) >= value
    if (name === 'until') return new Date(row.occurredAt) < value
    return row[name as keyof SealedRecord] === value
  })

/** Every page by following `next`. */
async function readPages(db: Knex, query: AuditQuery): Promise<number[]> {
  const found: number[] = []
  for (let after: number | null | undefined; after !== null;) {
    const page = await readAudit(db, { ...query, ...(after !== undefined && { after }) })
    found.push(...page.events.map(({ sequence }) => sequence))
    after = page.next
  }
  return found
}

const ASKED: readonly Partial<AuditQuery>[] = [
  { subject: 'user-3' },
  { subject: 'gone' },
  { subject: 'rare' },
  { subject: 'nobody' },
  { action: 'action-1' },
  { outcome: 'denied' },
  { outcome: 'success' },
  { outcome: 'failure' },
  { reason: 'reason-1' },
  { subject: 'user-3', outcome: 'denied' },
  { subject: 'gone', outcome: 'denied', from: timeAt(300), until: timeAt(1500) },
  { clientId: 'client-0', action: 'action-2' },
  { resourceType: 'order' },
  { resourceType: 'none' },
  { resourceId: 'order-77' },
  { from: timeAt(2000), until: timeAt(2060) },
  { from: timeAt(100), until: timeAt(3000) },
  { from: timeAt(4000) },
  { until: timeAt(1500) },
  { from: timeAt(2000), until: timeAt(3500), clientId: 'client-1' },
  { from: timeAt(2000), until: timeAt(2030), subject: 'user-2' },
  { from: timeAt(50), until: timeAt(3500), outcome: 'success' },
  { until: new Date('1971-01-01T00:00:00Z') }
]

const spansOf = async (db: Knex): Promise<object[]> => await db('audit_spans').orderBy('number')

t.test('pages of a long trail', async t => {
  const { app: db, pruner, superuser } = await scatteredTrail(t)
  const spans = await spansOf(superuser)
  t.equal(spans.length, 5, 'a row for each full span')

  await t.test('a page has the rows that a plain reading finds, in the order of their sequences', async t => {
    const starts = [0, 1000, 2000, 3000, 4000, 5000]
    const pages = await Promise.all(starts.map(after => readAudit(db, { order: 'oldest', limit: 1000, after })))
    const all = pages.flatMap(({ events }) => events)
    t.equal(all.length, ROWS)
    for (const filter of ASKED) {
      const sequences = all.filter(byQuery(filter)).map(({ sequence }) => sequence)
      const named = JSON.stringify(filter)
      t.same(await readPages(db, { order: 'oldest', limit: 500, ...filter }), sequences, `oldest first: ${named}`)
      const newest = sequences.toReversed()
      t.same(await readPages(db, { order: 'newest', limit: 500, ...filter }), newest, `newest first: ${named}`)
      const page = await readAudit(db, { order: 'newest', limit: 7, after: 3001, ...filter })
      const expected = newest.filter(each => each <= 3000).slice(0, 7)
      t.same(
        page.events.map(({ sequence }) => sequence),
        expected,
        `from the middle: ${named}`
      )
    }
  })

  await t.test(
    'a short page of the rows that some have reads these once, not once for each row of the trail',
    async t => {
      for (const order of ['oldest', 'newest'] as const) {
        const plan = await explainPage(db, { order, limit: 1, subject: 'user-3', clientId: 'client-1' }, 60_000)
        const readings = plan.filter(line => line.includes('CTE Scan'))
        t.ok(readings.length > 0 && readings.every(line => line.includes('loops=1)')), readings.join())
      }
    }
  )

  await t.test('a page while no span is known yet has the same rows', async t => {
    const query = { order: 'newest', limit: 50, from: timeAt(2000), until: timeAt(2060) } as const
    const page = await readAudit(db, query)
    await superuser('audit_spans').where('number', '>', 1).delete()
    t.same(await readAudit(db, query), page)
    await superuser('audit_spans').delete()
    t.same(await readAudit(db, query), page)
  })

  await t.test('the sealer makes spans that are left over', async t => {
    await superuser('audit_spans').delete()
    await superuser.raw(
      `insert into audit_events (id, version, occurred_at, process, action, outcome, content_hash)
        select gen_random_uuid(), 1, now(), 'p', 'a', 'success', sha256(n::text::bytea) from generate_series(1, 200) n`
    )
    await sealNow(db)
    t.same((await spansOf(superuser)).slice(0, 5), spans)
  })

  await t.test('the migration makes them out of a trail that has none', async t => {
    const { source, tableName } = auditMigrations(ROLES)
    await superuser.migrate.down({ migrationSource: source, tableName, name: '0013-audit-spans' })
    t.equal(await superuser.schema.hasTable('audit_spans'), false)
    await superuser.migrate.latest({ migrationSource: source, tableName })
    t.same((await spansOf(superuser)).slice(0, 5), spans)
  })

  await t.test('A5: neither role can change a span or say what is in one', async t => {
    for (const role of [db, pruner]) {
      const denied = { code: '42501' }
      await t.rejects(role('audit_spans').insert({ number: 9 }), denied)
      await t.rejects(role('audit_spans').update({ latest: null }), denied)
      await t.rejects(role('audit_spans').delete(), denied)
    }
    await t.rejects(pruner.raw('select audit_add_spans(1)'), { code: '42501' })
  })
})

t.test('A3: a span that would hide a row from a search by time is found', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  await app.auditSink.write({ action: 'x', outcome: 'success' })
  await app.auditSink.write({ action: 'y', outcome: 'success' })
  await sealNow(db)
  const [earliest, latest] = ['1970-01-01T00:00:00Z', '2970-01-01T00:00:00Z']
  await superuser('audit_spans').insert({ number: 0, earliest, latest })
  t.match(await verifyChain(db), { ok: true })
  const wrong: readonly object[] = [
    { earliest: latest },
    { latest: earliest },
    { earliest: null },
    { latest: null },
    { earliest: null, latest: null }
  ]
  for (const change of wrong) {
    await superuser('audit_spans').update({ earliest, latest, ...change })
    t.match(await verifyChain(db), { ok: false, problem: 'span-wrong', firstBadSequence: 1 }, JSON.stringify(change))
  }
})
