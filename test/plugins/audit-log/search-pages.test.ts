// Pages of a trail that has spans, held against what a plain reading of all rows finds.
import { readAudit, sealNow, verifyChain, type AuditQuery, type SealedRecord } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase, type AuditDatabase } from './support/audited-app.ts'

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

t.test('a page of a long trail has the rows that a plain reading finds, in the order of their sequences', async t => {
  const { app: db, superuser } = await scatteredTrail(t)
  const all = (
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map(n => readAudit(db, { order: 'oldest', limit: 1000, after: (n - 1) * 1000 }))
    )
  ).flatMap(({ events }) => events)
  t.equal(all.length, ROWS)
  t.equal((await superuser('audit_spans')).length, 5, 'a row for each full span')
  for (const filter of ASKED) {
    const sequences = all.filter(byQuery(filter)).map(({ sequence }) => sequence)
    const named = JSON.stringify(filter)
    t.same(await readPages(db, { order: 'oldest', limit: 500, ...filter }), sequences, `oldest first: ${named}`)
    const newest = sequences.toReversed()
    t.same(await readPages(db, { order: 'newest', limit: 500, ...filter }), newest, `newest first: ${named}`)
    const page = await readAudit(db, { order: 'newest', limit: 7, after: 3001, ...filter })
    t.same(
      page.events.map(({ sequence }) => sequence),
      newest.filter(each => each <= 3000).slice(0, 7),
      `from the middle: ${named}`
    )
  }
})
