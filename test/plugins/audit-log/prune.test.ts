import { pruneAudit, readHead, sealNow, verifyChain } from '@sallyport/audit-log'
import t from 'tap'
import { auditDatabase, buildApp } from './support/audited-app.ts'

t.test('pruning removes old rows, leaves a mark and keeps the proofs', async t => {
  const { app: db, pruner, superuser } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => Date.UTC(2026, 0, day) }, () => {})
  for (; day <= 6; day++) await app.auditSink.write({ action: `day.${day}`, outcome: 'success' })
  await sealNow(db)
  const head = await readHead(db)
  t.same(await pruneAudit(pruner, { before: new Date(Date.UTC(2026, 0, 4)) }), { removed: 3, throughSequence: 3 })
  t.same(
    (await db('audit_events').orderBy('occurred_at')).map(row => row.action),
    ['day.4', 'day.5', 'day.6', 'audit.prune']
  )
  t.match(await db('audit_prunings'), [
    { first_sequence: '1', through_sequence: '3', removed: '3', pruned_by: 'test_audit_pruner' }
  ])
  t.match(await verifyChain(db, { expectedHead: head }), {
    ok: true,
    sealedRows: 6,
    unsealedRows: 1,
    prunedThrough: 3,
    unstatedThrough: 0,
    head
  })
  t.same(
    await pruneAudit(pruner, { before: new Date(Date.UTC(2026, 0, 4)) }),
    { removed: 0, throughSequence: 3 },
    'again removes nothing'
  )
  t.equal((await db('audit_prunings')).length, 1)

  await superuser('audit_events').where({ action: 'day.5' }).delete()
  t.match(
    await verifyChain(db),
    { ok: false, problem: 'row-missing', firstBadSequence: 5 },
    'a deletion behind the mark is found'
  )
})

t.test('pruning an empty trail, or before anything is sealed, removes nothing', async t => {
  const { app: db, pruner } = await auditDatabase(t)
  t.same(await pruneAudit(pruner, { before: new Date() }), { removed: 0, throughSequence: 0 })
  await (await buildApp(t, { db }, () => {})).auditSink.write({ action: 'x', outcome: 'success' })
  t.same(await pruneAudit(pruner, { before: new Date(Date.now() + 1000) }), { removed: 0, throughSequence: 0 })
  t.equal((await db('audit_events')).length, 1)
})
