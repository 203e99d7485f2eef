import { auditMigrations, sealNow } from '@sallyport/audit-log'
import t from 'tap'
import { auditDatabase, buildApp, ROLES } from './support/audited-app.ts'

const TABLES = ['audit_events', 'audit_seals', 'audit_prunings']

t.test(
  'A5: the app role can neither update, delete nor truncate the audit tables, nor say what PostgreSQL says',
  async t => {
    const { app: db } = await auditDatabase(t)
    await (await buildApp(t, { db }, () => {})).auditSink.write({ action: 'x', outcome: 'success' })
    await sealNow(db)
    const denied = { code: '42501' }
    const columns = { audit_events: "action = 'y'", audit_seals: 'sequence = 9', audit_prunings: 'removed = 1' }
    for (const table of TABLES) {
      t.equal((await db(table).limit(1)).length, table === 'audit_prunings' ? 0 : 1, `${table} can be read`)
      await t.rejects(
        db.raw(`update ${table} set ${columns[table as keyof typeof columns]}`),
        denied,
        `update ${table}`
      )
      await t.rejects(db(table).delete(), denied, `delete from ${table}`)
      await t.rejects(db(table).truncate(), denied, `truncate ${table}`)
      await t.rejects(db.raw('drop table ??', [table]), denied, `drop ${table}`)
      await t.rejects(db.raw('alter table ?? disable trigger all', [table]), denied, `alter ${table}`)
    }
    await t.rejects(
      db('audit_prunings').insert({ through_sequence: 1, removed: 1 }),
      denied,
      'only the pruner says what was pruned'
    )
    await t.rejects(
      db.raw(
        "insert into audit_seals (sequence, event_id, content_hash, chain_hash, sealed_at) select 2, gen_random_uuid(), content_hash, chain_hash, '2000-01-01' from audit_seals"
      ),
      denied
    )
    await t.rejects(
      db.raw(
        "insert into audit_events (id, occurred_at, process, action, outcome, content_hash, transaction_id) select gen_random_uuid(), now(), 'p', 'a', 'success', content_hash, '1' from audit_events"
      ),
      denied
    )
  }
)

t.test('A5: the pruner role can delete rows but no seals, and writes none', async t => {
  const { app: db, pruner } = await auditDatabase(t)
  await (await buildApp(t, { db }, () => {})).auditSink.write({ action: 'x', outcome: 'success' })
  await sealNow(db)
  const denied = { code: '42501' }
  await t.rejects(pruner('audit_seals').delete(), denied)
  await t.rejects(pruner('audit_events').update({ action: 'y' }), denied)
  await t.rejects(pruner('audit_events').truncate(), denied)
  await t.rejects(
    pruner.raw(
      'insert into audit_seals (sequence, event_id, content_hash, chain_hash) select 2, gen_random_uuid(), content_hash, chain_hash from audit_seals'
    ),
    denied
  )
  t.equal(await pruner('audit_events').delete(), 1)
})

t.test('the migrations have fixed names and can be taken back', async t => {
  const { superuser } = await auditDatabase(t)
  const { source, tableName } = auditMigrations(ROLES)
  t.same(await source.getMigrations([]), [
    '0001-audit-tables',
    '0002-audit-grants',
    '0003-audit-record-version-2',
    '0004-audit-seal-watermark',
    '0005-audit-pruning-marks',
    '0006-audit-asked-by-indexes',
    '0007-audit-checkpoints',
    '0008-audit-record-version-3',
    '0009-audit-holds',
    '0011-audit-rare-indexes',
    '0012-audit-ordered-indexes',
    '0013-audit-spans',
    '0014-audit-persons-of-issuers',
    '0015-audit-push'
  ])
  await superuser.migrate.rollback({ migrationSource: source, tableName }, true)
  t.equal(await superuser.schema.hasTable('audit_events'), false)
  await superuser.migrate.latest({ migrationSource: source, tableName })
  t.equal(await superuser.schema.hasTable('audit_events'), true)
})

t.test('what an operator asks by has an index', async t => {
  const { superuser } = await auditDatabase(t)
  const rare = await superuser.transaction(async trx => {
    await trx.raw('set local enable_seqscan = off')
    return trx.raw<{ rows: object[] }>("explain select * from audit_events where outcome = 'denied'")
  })
  t.match(JSON.stringify(rare.rows), /audit_events_outcome/, 'outcome, where it is not success')
  for (const column of ['request_id', 'trace_id', 'txn', 'session_id', 'client_id', 'subject', 'action', 'reason']) {
    const plan = await superuser.transaction(async trx => {
      await trx.raw('set local enable_seqscan = off')
      return trx.raw<{ rows: object[] }>(`explain select * from audit_events where ${column} = 'x'`)
    })
    t.match(JSON.stringify(plan.rows), new RegExp(`audit_events_${column}`), column)
  }
})
