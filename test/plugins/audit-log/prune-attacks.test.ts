import { createHash, randomUUID } from 'node:crypto'
import {
  auditMigrations,
  pruneAudit,
  readHead,
  sealNow,
  verifyChain,
  type AuditHead,
  type ChainReport
} from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase, buildApp, ROLES, version1Database } from './support/audited-app.ts'

const DAY = (day: number): Date => new Date(Date.UTC(2026, 0, day))

/** Twelve days, of which the first three and then the next two were pruned; the rows that say so are 13 and 14. */
async function prunedTrail(t: Test): Promise<{ superuser: Knex; pruner: Knex; app: Knex; head: AuditHead }> {
  const { app: db, pruner, superuser } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => DAY(day).getTime() }, () => {})
  for (; day <= 12; day++) await app.auditSink.write({ action: `day.${day}`, outcome: 'success' })
  await sealNow(db)
  for (const before of [DAY(4), DAY(6)]) {
    await pruneAudit(pruner, { before })
    await sealNow(db)
  }
  // What an attacker with the owner's rights takes away first.
  await superuser.raw('alter table audit_prunings drop constraint audit_prunings_stated')
  return { superuser, pruner, app: db, head: await readHead(db) }
}

const deleteRows = async (db: Knex, ...sequences: number[]): Promise<void> => {
  await db('audit_events').whereIn('id', db('audit_seals').select('event_id').whereIn('sequence', sequences)).delete()
}
const chainHashAt = async (db: Knex, sequence: number): Promise<Buffer> =>
  sequence === 0
    ? createHash('sha256').update('sallyport audit chain 1').digest()
    : (await db('audit_seals').where({ sequence }).first()).chain_hash

/** The digest as documented, for an attacker who reads the source. */
async function digestOf(db: Knex, first: number, last: number): Promise<Buffer> {
  const places = Buffer.alloc(16)
  places.writeBigUInt64BE(BigInt(first))
  places.writeBigUInt64BE(BigInt(last), 8)
  return createHash('sha256')
    .update(places)
    .update(await chainHashAt(db, first - 1))
    .update(await chainHashAt(db, last))
    .digest()
}

/** The report without and with a head kept elsewhere; both find the same. */
async function reports(db: Knex, head: AuditHead): Promise<ChainReport> {
  const report = await verifyChain(db)
  t.same(await verifyChain(db, { expectedHead: head }), report, 'the same with a head kept elsewhere')
  return report
}

t.test('an honest trail that was pruned twice verifies, says what is gone, and is pruned on', async t => {
  const { app, pruner, head } = await prunedTrail(t)
  t.match(await reports(app, head), {
    ok: true,
    sealedRows: 14,
    unsealedRows: 0,
    prunedThrough: 5,
    unstatedThrough: 0,
    head
  })
  const marks = await app('audit_prunings').orderBy('id')
  t.match(marks, [
    { first_sequence: '1', through_sequence: '3', removed: '3' },
    { first_sequence: '4', through_sequence: '5', removed: '2' }
  ])
  t.same(
    marks.map(({ digest }) => digest),
    [await digestOf(app, 1, 3), await digestOf(app, 4, 5)]
  )
  const rows = await app('audit_events').where({ action: 'audit.prune' }).orderBy('occurred_at')
  t.same(
    rows.map(({ id, process, detail }) => [id, process, detail.firstSequence, detail.lastSequence, detail.removed]),
    [
      [marks[0].event_id, 'audit-pruner', 1, 3, 3],
      [marks[1].event_id, 'audit-pruner', 4, 5, 2]
    ]
  )

  t.same(
    await pruneAudit(pruner, { before: new Date(Date.now() + 60_000), process: 'retention' }),
    { removed: 7, throughSequence: 14 },
    'the rows that say so stay'
  )
  await sealNow(app)
  t.same(await app('audit_events').pluck('action'), ['audit.prune', 'audit.prune', 'audit.prune'])
  t.match(await verifyChain(app, { expectedHead: head }), { ok: true, sealedRows: 15, prunedThrough: 12 })
})

const ATTACKS: Record<
  string,
  { readonly problem: string; readonly at: number; readonly attack: (db: Knex) => Promise<unknown> }
> = {
  'the row behind the edge of the last mark': { problem: 'row-missing', at: 6, attack: async db => deleteRows(db, 6) },
  'a row in the middle': { problem: 'row-missing', at: 9, attack: async db => deleteRows(db, 9) },
  'the row that says what a pruning removed': { problem: 'row-missing', at: 4, attack: async db => deleteRows(db, 14) },
  'the row behind the edge, under a mark that is made longer': {
    problem: 'row-missing',
    at: 4,
    attack: async db => {
      await deleteRows(db, 6)
      await db('audit_prunings')
        .where({ first_sequence: 4 })
        .update({ through_sequence: 6, removed: 3, digest: await digestOf(db, 4, 6) })
    }
  },
  'a row in the middle, under a mark over the whole trail': {
    problem: 'row-missing',
    at: 1,
    attack: async db => {
      await deleteRows(db, 9)
      await db('audit_prunings')
        .where({ first_sequence: 1 })
        .update({ through_sequence: 14, removed: 14, digest: await digestOf(db, 1, 14) })
    }
  },
  "a row in the middle, under a mark of its own that refers to another one's row": {
    problem: 'row-missing',
    at: 9,
    attack: async db => {
      await deleteRows(db, 9)
      const { event_id: event } = await db('audit_prunings').where({ first_sequence: 4 }).first()
      await db('audit_prunings').insert({
        first_sequence: 9,
        through_sequence: 9,
        removed: 1,
        digest: await digestOf(db, 9, 9),
        event_id: event
      })
    }
  },
  'all rows, under a mark of the earlier form': {
    problem: 'row-missing',
    at: 1,
    attack: async db => {
      await deleteRows(db, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
      await db('audit_prunings').delete()
      await db('audit_prunings').insert({ through_sequence: 14, removed: 14 })
    }
  },
  'a row, and the row of the pruning is made to say so': {
    problem: 'content-changed',
    at: 14,
    attack: async db => {
      await deleteRows(db, 6)
      const digest = await digestOf(db, 4, 6)
      await db('audit_prunings').where({ first_sequence: 4 }).update({ through_sequence: 6, removed: 3, digest })
      const { event_id: event } = await db('audit_prunings').where({ first_sequence: 4 }).first()
      const row = await db('audit_events').where({ id: event }).first()
      const detail = { digest: digest.toString('hex'), firstSequence: 4, lastSequence: 6, removed: 3 }
      const {
        rows: [{ at }]
      } = await db.raw(
        'select to_char(occurred_at at time zone \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') as at from audit_events where id = ?',
        [event]
      )
      const content =
        `{"action":"audit.prune","actor":null,"clientId":null,"configurationVersion":null,"detail":${JSON.stringify(detail)},"id":"${event}","issuer":null,"nameTag":null,"nameTried":null,"occurredAt":"${at}","outcome":"success","peerAddress":null,"policyVersion":null,` +
        `"process":"${row.process}","reason":null,"repeats":1,"requestId":null,"resourceId":null,"resourceType":null,"sealed":null,"sessionId":null,"sourceAddress":null,"sourceTag":null,"subject":null,"tokenIdHash":null,"traceId":null,"txn":null,"version":3}`
      await db('audit_events')
        .where({ id: event })
        .update({ detail, content_hash: createHash('sha256').update(content).digest() })
    }
  }
}

for (const [what, { problem, at, attack }] of Object.entries(ATTACKS)) {
  t.test(`a deletion that a mark should cover is found: ${what}`, async t => {
    const { superuser, head } = await prunedTrail(t)
    await attack(superuser)
    t.match(await reports(superuser, head), { ok: false, problem, firstBadSequence: at })
  })
}

t.test('a mark with a forged count, digest or edge does not hold, and covers nothing', async t => {
  const { superuser, head } = await prunedTrail(t)
  const [kept] = await superuser('audit_prunings').where({ first_sequence: 4 })
  const forgeries = [
    { removed: 1 },
    { removed: 3 },
    { removed: 1_000_000 },
    { digest: Buffer.alloc(32) },
    { digest: null },
    { event_id: null },
    { event_id: randomUUID() },
    { through_sequence: 4, removed: 1 },
    { first_sequence: 5, removed: 1 },
    { first_sequence: 0 },
    { first_sequence: -3 }
  ]
  for (const forgery of forgeries) {
    await superuser('audit_prunings').where({ id: kept.id }).update(forgery)
    t.match(
      await reports(superuser, head),
      { ok: false, problem: 'row-missing', firstBadSequence: 4 },
      JSON.stringify(forgery)
    )
    const { id, ...columns } = kept
    await superuser('audit_prunings').where({ id }).update(columns)
  }
  t.match(await reports(superuser, head), { ok: true })
})

t.test('a mark over rows that are there, and one that is taken away, are found', async t => {
  const { superuser, app, head } = await prunedTrail(t)
  await superuser('audit_prunings').where({ first_sequence: 1 }).delete()
  t.match(await reports(app, head), { ok: false, problem: 'row-missing', firstBadSequence: 1 })

  const there = await prunedTrail(t)
  const kept = await there.superuser('audit_events').where({ action: 'day.6' }).first()
  await pruneAudit(there.pruner, { before: DAY(7) })
  await there.superuser('audit_events').insert({ ...kept, detail: null })
  t.match(
    await reports(there.app, there.head),
    { ok: false, problem: 'pruning-mark-wrong', firstBadSequence: 6 },
    'a row that was pruned and is there again'
  )
})

t.test('a row that is missing before a pruning is not covered by it', async t => {
  const { superuser, app, pruner, head } = await prunedTrail(t)
  await deleteRows(superuser, 8)
  t.same(await pruneAudit(pruner, { before: DAY(11) }), { removed: 4, throughSequence: 10 })
  t.match(await app('audit_prunings').orderBy('id').offset(2), [
    { first_sequence: '6', through_sequence: '7', removed: '2' },
    { first_sequence: '9', through_sequence: '10', removed: '2' }
  ])
  t.match(await reports(app, head), { ok: false, problem: 'row-missing', firstBadSequence: 8 })
})

t.test(
  'whoever may prune leaves a row in the trail that says what, behind every head that was kept before',
  async t => {
    const { superuser, app, head } = await prunedTrail(t)
    await pruneAudit(superuser, { before: DAY(13) })
    await sealNow(app)
    t.match(await verifyChain(app, { expectedHead: head }), { ok: true, prunedThrough: 12 })
    const { rows } = await app.raw(
      'select s.sequence, e.detail from audit_seals s join audit_events e on e.id = s.event_id where s.sequence > ?',
      [head.sequence]
    )
    t.match(rows, [{ sequence: '15', detail: { firstSequence: 6, lastSequence: 12, removed: 7 } }])
  }
)

t.test(
  'marks of the previous release hold as what they were, are reported as such, and cover no more than they did',
  async t => {
    const { superuser, owner, app: db } = await version1Database(t)
    const { source, tableName } = auditMigrations(ROLES)
    await owner.migrate.latest({ migrationSource: source, tableName })
    await sealNow(db)
    t.match(await verifyChain(db), { ok: true, sealedRows: 11, prunedThrough: 3, unstatedThrough: 3 })
    t.match(await db('audit_events').where({ action: 'audit.prunings-adopted' }), [
      { version: 2, process: 'audit-log', detail: { marks: [{ throughSequence: 3, removed: 3 }] } }
    ])
    await t.rejects(
      owner('audit_prunings').insert({ through_sequence: 9, removed: 9 }),
      { code: '23514' },
      'a further one is refused'
    )

    await superuser.raw('alter table audit_prunings drop constraint audit_prunings_stated')
    const [kept] = await superuser('audit_prunings')
    await deleteRows(superuser, 4)
    t.match(
      await verifyChain(db),
      { ok: false, problem: 'row-missing', firstBadSequence: 4 },
      'the row behind its edge'
    )
    for (const forgery of [
      { through_sequence: 4, removed: 4 },
      { through_sequence: 4 },
      { removed: 4 },
      { event_id: null }
    ]) {
      await superuser('audit_prunings').update(forgery)
      t.match(
        await verifyChain(db),
        { ok: false, problem: 'row-missing', firstBadSequence: 1 },
        JSON.stringify(forgery)
      )
      await superuser('audit_prunings').update({ through_sequence: 3, removed: 3, event_id: kept.event_id })
    }
    await superuser('audit_prunings').insert({ through_sequence: 4, removed: 1, event_id: kept.event_id })
    t.match(
      await verifyChain(db),
      { ok: false, problem: 'row-missing', firstBadSequence: 1 },
      'a second mark of the earlier form'
    )
  }
)
