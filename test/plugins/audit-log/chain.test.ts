import { createHash, randomUUID } from 'node:crypto'
import { verifyChain, sealNow, readHead, type AuditHead } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { auditDatabase, buildApp } from './support/audited-app.ts'

/** An app that has written `count` rows, sealed. */
async function trail(t: import('tap').Test, count = 5): Promise<{ app: Knex; superuser: Knex; head: AuditHead }> {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  for (let i = 1; i <= count; i++) {
    await app.auditSink.write({
      action: `step.${i}`,
      outcome: 'success',
      subject: 'ab',
      resource: { type: 'c', id: `${i}` },
      detail: { i, float: 0.1, large: 1e21, tiny: 5e-324, text: 'é \u202e' }
    })
  }
  await sealNow(db)
  return { app: db, superuser, head: await readHead(db) }
}

const idOf = async (db: Knex, sequence: number): Promise<string> =>
  (await db('audit_seals').where({ sequence }).first()).event_id

t.test('A3: an honest trail verifies, empty or not, in batches of any size, with its head kept elsewhere', async t => {
  const { app: db, head } = await trail(t)
  for (const batchSize of [1, 2, 5, 1000]) {
    t.match(await verifyChain(db, { batchSize, expectedHead: head }), {
      ok: true,
      sealedRows: 5,
      unsealedRows: 0,
      head
    })
  }
  const { app: empty } = await auditDatabase(t)
  t.match(await verifyChain(empty), { ok: true, sealedRows: 0, head: { sequence: 0 } })
})

t.test('A3: the chain hash is SHA-256 of the previous one, the sequence in 8 bytes, and the content hash', async t => {
  const { app: db } = await trail(t, 3)
  let previous = createHash('sha256').update('sallyport audit chain 1').digest()
  for (const seal of await db('audit_seals').orderBy('sequence')) {
    previous = createHash('sha256')
      .update(previous)
      .update(Buffer.from([0, 0, 0, 0, 0, 0, 0, Number(seal.sequence)]))
      .update(seal.content_hash)
      .digest()
    t.same(seal.chain_hash, previous)
  }
})

const EDITS: Record<string, string | null> = {
  occurred_at: "occurred_at + interval '1 microsecond'",
  process: "'other'",
  action: "'other'",
  outcome: "'denied'",
  reason: "''",
  subject: "'someone'",
  issuer: "''",
  client_id: "'x'",
  actor: '\'{"subject":"x","actor":null}\'',
  session_id: "'x'",
  token_id_hash: "'x'",
  resource_type: "'x'",
  resource_id: 'null',
  request_id: "'x'",
  trace_id: "'x'",
  txn: "'x'",
  source_address: "'x'",
  detail: "jsonb_set(detail, '{i}', '33')",
  version: '1',
  peer_address: "'x'",
  name_tried: "'x'",
  repeats: '2',
  sealed: "'x'",
  source_tag: "'x'",
  name_tag: "'x'",
  policy_version: "'x'",
  configuration_version: "'x'",
  content_hash: 'sha256(content_hash)'
}
const TYPES: Record<string, string> = {
  occurred_at: 'timestamptz',
  actor: 'jsonb',
  detail: 'jsonb',
  content_hash: 'bytea',
  version: 'smallint',
  repeats: 'integer'
}

t.test('A3: an edit of any column of any row is found where it is', async t => {
  const { app: db, superuser } = await trail(t)
  const columns = Object.keys(await superuser('audit_events').columnInfo()).filter(
    column => column !== 'id' && column !== 'transaction_id'
  )
  t.same(Object.keys(EDITS).sort(), columns.sort(), 'every column is tried')
  const id = await idOf(db, 3)
  for (const [column, value] of Object.entries(EDITS)) {
    const [kept] = await superuser('audit_events')
      .where({ id })
      .select(superuser.raw('??::text as value', [column]))
    await superuser.raw(`update audit_events set ${column} = ${value} where id = ?`, [id])
    t.match(await verifyChain(db), { ok: false, problem: 'content-changed', firstBadSequence: 3 }, column)
    await superuser.raw(`update audit_events set ${column} = ?::text::${TYPES[column] ?? 'text'} where id = ?`, [
      kept.value,
      id
    ])
    t.match(await verifyChain(db), { ok: true }, `${column} restored`)
  }
})

t.test('A3: moving characters from one field to the next is an edit (no second preimage by concatenation)', async t => {
  const { app: db, superuser } = await trail(t)
  await superuser('audit_events')
    .where({ id: await idOf(db, 2) })
    .update({ subject: 'a', resource_type: 'bc' })
  t.match(await verifyChain(db), { ok: false, problem: 'content-changed', firstBadSequence: 2 })
})

t.test('A3: deletion of a row, of a seal, or of both is found', async t => {
  const one = await trail(t)
  await one
    .superuser('audit_events')
    .where({ id: await idOf(one.app, 2) })
    .delete()
  t.match(await verifyChain(one.app), { ok: false, problem: 'row-missing', firstBadSequence: 2 })

  const two = await trail(t)
  await two.superuser('audit_seals').where({ sequence: 2 }).delete()
  t.match(await verifyChain(two.app), { ok: false, problem: 'gap', firstBadSequence: 2, unsealedRows: 1 })

  const both = await trail(t)
  await both
    .superuser('audit_events')
    .where({ id: await idOf(both.app, 2) })
    .delete()
  await both.superuser('audit_seals').where({ sequence: 2 }).delete()
  await both.superuser('audit_seals').where('sequence', '>', 2).decrement('sequence', 1)
  t.match(
    await verifyChain(both.app),
    { ok: false, problem: 'chain-broken', firstBadSequence: 2 },
    'also when the rest moves up'
  )
})

t.test('A3: insertion and reordering are found', async t => {
  const inserted = await trail(t)
  await inserted.superuser.raw('update audit_seals set sequence = sequence + 100 where sequence > 2')
  await inserted.superuser.raw('update audit_seals set sequence = sequence - 99 where sequence > 2')
  await inserted.superuser.raw(
    'insert into audit_seals (sequence, event_id, content_hash, chain_hash) select 3, gen_random_uuid(), content_hash, chain_hash from audit_seals where sequence = 2'
  )
  t.match(await verifyChain(inserted.app), { ok: false, firstBadSequence: 3 })

  const swapped = await trail(t)
  const [second, third] = [await idOf(swapped.app, 2), await idOf(swapped.app, 3)]
  await swapped.superuser('audit_seals').where({ sequence: 2 }).update({ event_id: randomUUID() })
  await swapped.superuser('audit_seals').where({ sequence: 3 }).update({ event_id: second })
  await swapped.superuser('audit_seals').where({ sequence: 2 }).update({ event_id: third })
  t.match(await verifyChain(swapped.app), { ok: false, problem: 'content-changed', firstBadSequence: 2 })
})

t.test('A3: a tail cut off, or a chain written anew, is found with a head kept elsewhere and only with it', async t => {
  const cut = await trail(t)
  const last = await idOf(cut.app, 5)
  await cut.superuser('audit_seals').where({ sequence: 5 }).delete()
  await cut.superuser('audit_events').where({ id: last }).delete()
  t.match(await verifyChain(cut.app), { ok: true, sealedRows: 4 })
  t.match(await verifyChain(cut.app, { expectedHead: cut.head }), {
    ok: false,
    problem: 'head-missing',
    firstBadSequence: 5
  })

  const anew = await trail(t)
  await anew
    .superuser('audit_events')
    .where({ id: await idOf(anew.app, 4) })
    .delete()
  await anew.superuser('audit_seals').delete()
  await sealNow(anew.app)
  await (await buildApp(t, { db: anew.app }, () => {})).auditSink.write({ action: 'fill.in', outcome: 'success' })
  await sealNow(anew.app)
  t.match(await verifyChain(anew.app), { ok: true, sealedRows: 5 })
  t.match(await verifyChain(anew.app, { expectedHead: anew.head }), {
    ok: false,
    problem: 'head-missing',
    firstBadSequence: 5
  })
})

t.test('A3: a row that is changed before it is sealed is found', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  await (await buildApp(t, { db }, () => {})).auditSink.write({ action: 'x', outcome: 'success' })
  t.match(await verifyChain(db), { ok: true, unsealedRows: 1 })
  await superuser('audit_events').update({ action: 'y' })
  t.match(await verifyChain(db), { ok: false, problem: 'unsealed-row-changed' })
})

t.test('A4: several writers and several sealers, over a restart, make one chain without gaps', async t => {
  const { app: db } = await auditDatabase(t)
  const apps = await Promise.all(
    [1, 2, 3].map(async n => buildApp(t, { db, sealer: { intervalMs: 3_600_000 } }, () => {}).then(app => ({ app, n })))
  )
  await Promise.all(
    apps.map(async ({ app, n }) => {
      for (let i = 0; i < 40; i++) {
        await app.auditSink.write({ action: `w${n}.${i}`, outcome: 'success' })
        if (i % 4 === n) await app.sealAudit()
      }
    })
  )
  await apps[0]?.app.close()
  const again = await buildApp(t, { db, sealer: { intervalMs: 3_600_000 } }, () => {})
  await again.auditSink.write({ action: 'after.restart', outcome: 'success' })
  await again.close()
  t.match(await verifyChain(db), { ok: true, sealedRows: 121, unsealedRows: 0 }, 'closing seals what is left')
})

t.test('A4: a transaction that began before and commits after a batch goes into the next batch', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, sealer: { intervalMs: 3_600_000 } }, app => {
    app.post('/late', { config: { access: 'public', audit: { action: 'late.one' } } }, async request => {
      const trx = await db.transaction()
      await request.audit(trx, { action: 'late.one', outcome: 'success' })
      for (let i = 0; i < 3; i++) {
        await app.auditSink.write({ action: `early.${i}`, outcome: 'success' })
        await app.sealAudit()
      }
      t.match(await verifyChain(db), { ok: true, sealedRows: 3 }, 'an open transaction holds nobody up')
      await trx.commit()
      return {}
    })
  })
  t.equal((await app.inject({ method: 'POST', url: '/late' })).statusCode, 200)
  await app.sealAudit()
  const { rows } = await db.raw(
    'select s.sequence, e.action from audit_seals s join audit_events e on e.id = s.event_id order by s.sequence'
  )
  t.same(
    rows.map((row: { action: string }) => row.action),
    ['early.0', 'early.1', 'early.2', 'late.one']
  )
  t.match(await verifyChain(db), { ok: true, unsealedRows: 0 })
})

t.test('A4: a sealer that finds another at work leaves it to it', async t => {
  const { app: db } = await auditDatabase(t)
  const runs: (() => Promise<void>)[] = []
  const app = await buildApp(
    t,
    {
      db,
      sealer: {},
      schedule: run => {
        runs.push(run)
        return { stop: () => {} }
      }
    },
    () => {}
  )
  await app.auditSink.write({ action: 'x', outcome: 'success' })
  await db.transaction(async trx => {
    await trx.raw('select pg_advisory_xact_lock_shared(hashtext(?))', ['sallyport-audit-sealer'])
    await runs[0]?.()
    t.match(await verifyChain(db), { sealedRows: 0, unsealedRows: 1 })
  })
  await runs[0]?.()
  t.match(await verifyChain(db), { sealedRows: 1, unsealedRows: 0 })
})

t.test('A4: more rows than one batch are sealed in one run', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, maxWaitingRows: 2203 }, () => {})
  // Batches of the writer share a transaction, and the sealer's batches end within one.
  await Promise.all(
    Array.from({ length: 2203 }, (_, i) => app.auditSink.write({ action: `n.${i}`, outcome: 'success' }))
  )
  t.match(await sealNow(db), { sealed: 2203, head: { sequence: 2203 } })
  t.match(await verifyChain(db), { ok: true, sealedRows: 2203, unsealedRows: 0 })
})
