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

t.test('rows are kept by the retention of their class, and what is left verifies each time', async t => {
  const { app: db, pruner } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => Date.UTC(2026, 0, day) }, () => {})
  const actions = ['order.create', 'session.login', 'order.read', 'order.create', 'session_x.end', 'order.read']
  for (const action of actions) {
    await app.auditSink.write({ action, outcome: 'success' })
    day++
  }
  await sealNow(db)
  const left = async (): Promise<unknown[]> =>
    (await db('audit_events').whereNot({ action: 'audit.prune' }).orderBy('occurred_at')).map(row => row.action)
  const dayOf = (number: number): Date => new Date(Date.UTC(2026, 0, number))
  const classes = [
    { actions: ['session.*'], before: dayOf(1) },
    { actions: ['*.read'], before: dayOf(7) }
  ]
  t.same(await pruneAudit(pruner, { before: dayOf(5), classes }), { removed: 4, throughSequence: 6 })
  t.same(await left(), ['session.login', 'session_x.end'], 'a class that is kept longer, and what is too young')
  t.same(
    (await db('audit_prunings').orderBy('first_sequence')).map(row => [row.first_sequence, row.through_sequence]),
    [
      ['1', '1'],
      ['3', '4'],
      ['6', '6']
    ],
    'a mark for each range without a hole'
  )
  t.match(await verifyChain(db), { ok: true })
  t.match(await pruneAudit(pruner, { before: dayOf(5), classes }), { removed: 0 }, 'again removes nothing')
  await sealNow(db)
  t.match(await pruneAudit(pruner, { before: dayOf(5) }), { removed: 1 }, 'what was kept goes by a later pruning')
  t.same(await left(), ['session_x.end'])
  t.match(await verifyChain(db), { ok: true })
})

t.test('a class stops at the first row that is too young for it, however old the next claims to be', async t => {
  const { app: db, pruner } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => Date.UTC(2026, 0, day) }, () => {})
  for (day of [1, 9, 2]) {
    await app.auditSink.write({ action: 'order.read', outcome: 'success' })
    await sealNow(db)
  }
  const classes = [{ actions: ['*.read'], before: new Date(Date.UTC(2026, 0, 5)) }]
  t.match(await pruneAudit(pruner, { before: new Date(Date.UTC(2026, 0, 1)), classes }), { removed: 1 })
})

t.test('a pruning goes in batches, each with its marks, and what is done stays when it ends in between', async t => {
  const { app: db, pruner } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => Date.UTC(2026, 0, day) }, () => {})
  for (; day <= 9; day++) {
    await app.auditSink.write({ action: day % 4 === 0 ? 'session.login' : 'order.read', outcome: 'success' })
  }
  await sealNow(db)
  const before = new Date(Date.UTC(2026, 0, 9))
  const classes = [{ actions: ['session.*'], before: new Date(Date.UTC(2026, 0, 1)) }]
  const marks = async (): Promise<unknown[]> =>
    (await db('audit_prunings').orderBy('first_sequence')).map(row => [
      Number(row.first_sequence),
      Number(row.through_sequence)
    ])

  const ending = new AbortController()
  pruner.on('query', ({ sql }: { sql: string }) => {
    if (sql.includes('insert into audit_prunings')) ending.abort()
  })
  const first = { before, classes, batchRows: 3 }
  t.match(await pruneAudit(pruner, { ...first, signal: ending.signal }), { removed: 3 })
  t.same(await marks(), [[1, 3]], 'it ends after the batch under way')
  t.match(await verifyChain(db), { ok: true })

  t.same(await pruneAudit(pruner, first), { removed: 3, throughSequence: 8 })
  t.same(
    await marks(),
    [
      [1, 3],
      [5, 6],
      [7, 7]
    ],
    'a batch looks at so many rows'
  )
  t.match(await pruneAudit(pruner, first), { removed: 0 }, 'again removes nothing')
  t.match(await pruneAudit(pruner, { before, batchRows: 1 }), { removed: 2 }, 'what was kept goes later')
  await sealNow(db)
  t.match(await verifyChain(db), { ok: true, unsealedRows: 0 })
})

t.test('a batch that fails takes nothing, and those before it stay', async t => {
  const { app: db, pruner, superuser } = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db, clock: () => Date.UTC(2026, 0, day) }, () => {})
  for (; day <= 6; day++) await app.auditSink.write({ action: 'x', outcome: 'success' })
  await sealNow(db)
  await superuser.raw('alter table audit_prunings add constraint planted check (first_sequence < 4)')
  const pruning = pruneAudit(pruner, { before: new Date(Date.UTC(2026, 0, 9)), batchRows: 3 })
  await t.rejects(pruning, { code: '23514' })
  t.equal((await db('audit_events').whereNot({ action: 'audit.prune' })).length, 3)
  await sealNow(db)
  t.match(await verifyChain(db), { ok: true, prunedThrough: 3, unsealedRows: 0 })
})
