import { createHash, randomUUID } from 'node:crypto'
import { auditMigrations, readAudit, readHead, sealNow, verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { RECORD_FIELDS } from '../../../plugins/audit-log/src/record.ts'
import { auditDatabase, buildApp, ROLES, rowsOf, version1Database } from './support/audited-app.ts'

/** Head of the trail in version-1-trail.sql, as release 0.1.0 logged it. */
const HEAD = { sequence: 9, chainHash: '2dfecbb04e85920cc1d1d84696287c9d9d6facefc8e3403ef74d63bde6bcc830' }
const { source, tableName } = auditMigrations(ROLES)
const migrate = async (owner: Knex): Promise<void> => {
  await owner.migrate.latest({ migrationSource: source, tableName })
}

/** Writes a row as release 0.1.0 does: its columns, and the hash over its nineteen fields and the version. */
async function writeVersion1(db: Knex, action: string): Promise<void> {
  const id = randomUUID()
  const content =
    `{"action":"${action}","actor":null,"clientId":null,"detail":null,"id":"${id}","issuer":null,` +
    '"occurredAt":"2026-02-01T00:00:00.123000Z","outcome":"success","process":"old","reason":null,"requestId":null,"resourceId":null,' +
    '"resourceType":null,"sessionId":null,"sourceAddress":null,"subject":null,"tokenIdHash":null,"traceId":null,"txn":null,"version":1}'
  const nothing = Object.fromEntries(
    [
      'reason',
      'subject',
      'issuer',
      'client_id',
      'actor',
      'session_id',
      'token_id_hash',
      'resource_type',
      'resource_id',
      'request_id',
      'trace_id',
      'txn',
      'source_address',
      'detail'
    ].map(column => [column, null])
  )
  await db('audit_events').insert({
    id,
    occurred_at: '2026-02-01T00:00:00.123000Z',
    process: 'old',
    action,
    outcome: 'success',
    ...nothing,
    content_hash: createHash('sha256').update(content).digest()
  })
}

/** Calls `write` again and again until `stop`; returns what was acknowledged and how often it was refused. */
function underLoad(write: (action: string) => Promise<void>): {
  readonly written: string[]
  refused: number
  stop: () => Promise<void>
} {
  const ending = new AbortController()
  const load = {
    written: [] as string[],
    refused: 0,
    stop: async () => {
      ending.abort()
      await running
    }
  }
  const running = (async () => {
    while (!ending.signal.aborted) {
      const action = `load.${randomUUID()}`
      await write(action).then(
        () => {
          load.written.push(action)
        },
        () => {
          load.refused++
        }
      )
      await new Promise(setImmediate)
    }
  })()
  return load
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
  }
}

t.test(
  'a trail of the previous version is upgraded in place while old and new processes write, and verifies',
  async t => {
    const { app: db, superuser, owner } = await version1Database(t)
    const app = await buildApp(t, { db }, () => {})
    const old = underLoad(async action => writeVersion1(db, action))
    const fresh = underLoad(async action => app.auditSink.write({ action, outcome: 'success' }))
    const open = await db.transaction()
    await writeVersion1(open, 'held.open')
    await until(() => old.written.length > 20 && fresh.refused > 0)
    t.equal(fresh.written.length, 0, 'a new process writes nothing before the migration')

    let migrated = false
    const migration = migrate(owner).then(() => {
      migrated = true
    })
    await until(
      async () =>
        (
          await superuser.raw(
            "select from pg_locks where relation = 'audit_events'::regclass and not granted and mode = 'AccessExclusiveLock'"
          )
        ).rows.length > 0
    )
    const before = old.written.length
    await until(() => old.written.length > before + 20)
    t.equal(migrated, false, 'a transaction holds the migration up, and nobody waits behind it for long')
    await open.commit()
    await migration
    const after = old.written.length
    await until(() => old.written.length > after + 20 && fresh.written.length > 20)
    await sealNow(db)
    await old.stop()
    await fresh.stop()
    await sealNow(db)

    const sealed = 9 + 1 + 1 + 1 + old.written.length + fresh.written.length
    t.match(await verifyChain(db, { expectedHead: HEAD }), {
      ok: true,
      sealedRows: sealed,
      unsealedRows: 0,
      prunedThrough: 3,
      unstatedThrough: 3
    })
    t.equal(old.refused, 0, 'no process of the old release was refused a row')
    const versions = new Map((await rowsOf(db)).map(row => [row.action, row.version]))
    t.same(new Set(old.written.map(action => versions.get(action))), new Set([1]))
    t.same(new Set(fresh.written.map(action => versions.get(action))), new Set([3]))
  }
)

t.test('a row of version 1 reads as it was, with what came later empty', async t => {
  const { app: db, owner } = await version1Database(t)
  await migrate(owner)
  t.same(await readHead(db), HEAD)
  t.match(await verifyChain(db, { expectedHead: HEAD }), {
    ok: true,
    sealedRows: 9,
    unsealedRows: 2,
    prunedThrough: 3,
    unstatedThrough: 3
  })
  const { events } = await readAudit(db, { order: 'oldest', limit: 1 })
  t.match(events, [
    {
      version: 1,
      sequence: 4,
      action: 'order.cancel',
      subject: 'user-3',
      resourceId: 'o-3',
      actor: { subject: 'gateway', actor: null },
      occurredAt: '2026-01-01T03:00:00.123000Z',
      detail: { float: 0.1, large: 1e21, tiny: 5e-324 },
      peerAddress: null,
      nameTried: null,
      repeats: 1
    }
  ])
})

t.test("a value in a column that the row's version does not have is found, and so is another version", async t => {
  const { app: db, superuser, owner } = await version1Database(t)
  await migrate(owner)
  await superuser.raw('alter table audit_events drop constraint audit_events_version_1')
  const changes = { peer_address: "'192.0.2.1'", name_tried: "'courier2'", repeats: '2', version: '2' }
  for (const [column, value] of Object.entries(changes)) {
    const kept = column === 'repeats' || column === 'version' ? '1' : 'null'
    await superuser.raw(`update audit_events set ${column} = ${value} where resource_id = 'o-5'`)
    t.match(await verifyChain(db), { ok: false, problem: 'content-changed', firstBadSequence: 6 }, column)
    await superuser.raw(`update audit_events set ${column} = ${kept} where resource_id = 'o-5'`)
  }
  await superuser.raw("update audit_events set version = 4 where resource_id = 'o-5'")
  t.match(
    await verifyChain(db),
    { ok: false, problem: 'version-unknown', firstBadSequence: 6 },
    'a release that knows version 4 may prove it'
  )
  await superuser.raw("update audit_events set version = 1 where resource_id = 'o-5'")
  await superuser.raw("update audit_events set version = 4 where action = 'unsealed.row'")
  t.match(await verifyChain(db), { ok: false, problem: 'version-unknown' }, 'also before it is sealed')
  await superuser.raw("update audit_events set version = 1, repeats = 2 where action = 'unsealed.row'")
  t.match(await verifyChain(db), { ok: false, problem: 'unsealed-row-changed' })
})

t.test('the database refuses a row with fields of a later version, and one that stands for nothing', async t => {
  const { app: db } = await auditDatabase(t)
  const row = {
    id: randomUUID(),
    occurred_at: new Date(),
    process: 'p',
    action: 'a',
    outcome: 'denied',
    content_hash: Buffer.alloc(32)
  }
  await t.rejects(db('audit_events').insert({ ...row, name_tried: 'x' }), { code: '23514' })
  await t.rejects(db('audit_events').insert({ ...row, version: 2, repeats: 0 }), { code: '23514' })
  await t.rejects(db('audit_events').insert({ ...row, version: 2, sealed: 'x' }), { code: '23514' })
})

t.test('the app role may insert every field of the record and the hash, and nothing else', async t => {
  const { app: db } = await auditDatabase(t)
  const { rows } = await db.raw(
    "select column_name as name from information_schema.column_privileges where table_name = 'audit_events' and grantee = 'test_audit_app' and privilege_type = 'INSERT'"
  )
  t.same(
    rows.map(({ name }: { name: string }) => name).sort(),
    [...Object.values(RECORD_FIELDS).map(({ column }) => column), 'content_hash'].sort()
  )
})

t.test('the migration goes back only while no row of a later version is there', async t => {
  const { superuser, app: db, owner } = await version1Database(t)
  const config = { migrationSource: source, tableName }
  // The migration states old marks in a row of version 2.
  await superuser('audit_prunings').delete()
  await migrate(owner)
  const names = await source.getMigrations([])
  const later = names.length - names.indexOf('0003-audit-record-version-2') - 1
  for (let step = 0; step <= later; step++) await owner.migrate.down(config)
  t.equal(await superuser.schema.hasColumn('audit_events', 'version'), false)
  await migrate(owner)
  const row = { process: 'old', action: 'x', outcome: 'success', content_hash: Buffer.alloc(32) }
  await db('audit_events').insert({ ...row, id: randomUUID(), occurred_at: new Date(), version: 2 })
  for (let step = 0; step < later; step++) await owner.migrate.down(config)
  await t.rejects(owner.migrate.down(config), /version 2/)
  await migrate(owner)
  await (await buildApp(t, { db }, () => {})).auditSink.write({ action: 'x', outcome: 'success' })
  while ((await owner.migrate.currentVersion(config)) !== '0008-audit-record-version-3') {
    await owner.migrate.down(config)
  }
  await t.rejects(owner.migrate.down(config), /version 3/)
})
