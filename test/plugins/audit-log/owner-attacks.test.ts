// What the owner of the database can do beside changing values: to types, constraints, places and the past.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileAnchor, pruneAudit, sealNow, verifyChain, type CheckpointAnchor } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { PRUNE_ACTION, pruneDetail, pruningRecord, rangeDigest } from '../../../plugins/audit-log/src/pruning-mark.ts'
import { CURRENT_VERSION } from '../../../plugins/audit-log/src/record.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { OWNED_ROWS, ownedTrail, passProblem } from './support/owned-trail.ts'
import { spillFolder } from './support/spill-folder.ts'

const idAt = '(select event_id from audit_seals where sequence = 4)'
/** Each with what undoes it. */
const CHANGES: Readonly<Record<string, readonly [attack: string, undo: string]>> = {
  'the same time before Christ': [
    `update audit_events set occurred_at =
      (to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz where id = ${idAt}`,
    `update audit_events set occurred_at =
      replace(occurred_at::text, ' BC', '')::timestamptz where id = ${idAt}`
  ],
  'a number that no program holds': [
    `update audit_events set detail = jsonb_set(detail, '{n}', '1e400') where id = ${idAt}`,
    `update audit_events set detail = jsonb_set(detail, '{n}', '3') where id = ${idAt}`
  ],
  'a seal without a hash': [
    `alter table audit_seals add column kept bytea, alter content_hash drop not null;
      update audit_seals set kept = content_hash, content_hash = null where sequence = 4`,
    'update audit_seals set content_hash = kept where kept is not null; alter table audit_seals drop column kept'
  ],
  'a seal that follows nothing': [
    `alter table audit_seals add column kept bytea, alter chain_hash drop not null;
      update audit_seals set kept = chain_hash, chain_hash = null where sequence = 4`,
    'update audit_seals set chain_hash = kept where kept is not null; alter table audit_seals drop column kept'
  ],
  'a table that has another name': [
    'alter table audit_prunings rename to elsewhere',
    'alter table elsewhere rename to audit_prunings'
  ],
  'a column that has another name': [
    'alter table audit_events rename column reason to why',
    'alter table audit_events rename column why to reason'
  ]
}

t.test('changes that stop a program which reads them are found like any other', async t => {
  const { db, verifier } = await ownedTrail(t)
  t.equal(await passProblem(verifier()), null)
  for (const [name, [attack, undo]] of Object.entries(CHANGES)) {
    await db.raw(attack)
    t.type(await passProblem(verifier()), 'string', `the verifier: ${name}`)
    const report = await verifyChain(db).catch(() => ({ ok: false }))
    t.equal(report.ok, false, `the command: ${name}`)
    await db.raw(undo)
    t.equal(await passProblem(verifier()), null, 'and is right again')
  }
})

t.test('a row in a place that was pruned is found, whatever hash it has', async t => {
  const { db, pruner, write, verifier } = await ownedTrail(t)
  const { event_id: id } = await db('audit_seals').where({ sequence: 4 }).first()
  await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) })
  await write(1)
  t.equal(await passProblem(verifier()), null)
  await db.raw('alter table audit_events alter content_hash drop not null')
  const planted = { ...pruningRecord(CURRENT_VERSION, 'orders', 'planted', null), id }
  await insertRecords(db, [planted], 60_000)
  await db('audit_events').where({ id }).update({ content_hash: null })
  t.equal(await passProblem(verifier()), 'pruning-mark-wrong')
  t.match(await verifyChain(db), { ok: false, problem: 'pruning-mark-wrong', firstBadSequence: 4 })
})

for (const [name, transaction] of [
  ['before what is sealed', "'3'::xid8"],
  ['after all that will ever be', "'9000000000000000000'::xid8"]
] as const) {
  t.test(`a mark whose row no sealer will find is none: ${name}`, async t => {
    const { db, verifier } = await ownedTrail(t)
    const seals = await db('audit_seals').orderBy('sequence')
    await db('audit_events').where({ id: seals[3].event_id }).delete()
    const range = { first: 4, last: 4, digest: rangeDigest(4, 4, seals[2].chain_hash, seals[3].chain_hash) }
    const record = pruningRecord(CURRENT_VERSION, 'audit-pruner', PRUNE_ACTION, pruneDetail(range))
    await insertRecords(db, [record], 60_000)
    await db.raw(`update audit_events set transaction_id = ${transaction} where id = ?`, [record.id])
    await db('audit_prunings').insert({
      first_sequence: 4,
      through_sequence: 4,
      removed: 1,
      digest: Buffer.from(range.digest, 'hex'),
      event_id: record.id
    })
    t.type(await passProblem(verifier()), 'string')
    t.equal((await verifyChain(db)).ok, false)
    await db('audit_events')
      .where({ id: record.id })
      .update({ transaction_id: db.raw('pg_current_xact_id()') })
    t.equal((await verifyChain(db)).ok, true, 'one that is about to be sealed is')
    await sealNow(db)
    t.equal(await passProblem(verifier()), null)
  })
}

async function cutTail(db: Knex, after: number): Promise<void> {
  await db('audit_events')
    .whereIn('id', db('audit_seals').select('event_id').where('sequence', '>', after))
    .delete()
  await db('audit_seals').where('sequence', '>', after).delete()
}

t.test('a tail that is cut off while a pass is under way ends that pass, also without any anchor', async t => {
  const { db, verifier } = await ownedTrail(t)
  const { step, passes } = verifier()
  await step()
  await cutTail(db, 3)
  await step()
  t.match(passes, [{ problem: 'head-missing', sequence: 5 }])
})

t.test('a place in a file that the trail does not have is the beginning, and no pass', async t => {
  const placeFile = join(spillFolder(t), 'place')
  const { db, verifier } = await ownedTrail(t, { placeFile })
  await verifier().step()
  await cutTail(db, 3)
  const { step, passes } = verifier()
  await step()
  t.same(passes, [])
  await step()
  t.match(passes, [{ problem: null, sequence: 3 }], 'what is there was verified')
  rmSync(placeFile)
})

t.test('a checkpoint that is stored and that the trail does not reach is found, also without any anchor', async t => {
  const { db, checkpoint, verifier } = await ownedTrail(t)
  await checkpoint()
  await cutTail(db, 6)
  t.equal(await passProblem(verifier()), 'behind-anchor')
  await db('audit_checkpoints').update({ size: 4711 })
  t.equal(await passProblem(verifier()), 'checkpoint-changed', 'and one that nobody signed')
})

t.test('an older checkpoint that is added to an anchor again does not hide a tail that is cut off', async t => {
  const { db, write, checkpoint, verifier } = await ownedTrail(t)
  const anchor = fileAnchor(join(spillFolder(t), 'checkpoints'))
  await checkpoint(anchor)
  const older = (await anchor.latest()) ?? ''
  await write(2)
  await checkpoint(anchor)
  const verifying = verifier(anchor)
  t.equal(await passProblem(verifying), null)
  await anchor.add(older)
  await cutTail(db, OWNED_ROWS)
  await db('audit_checkpoints').where('size', '>', OWNED_ROWS).delete()
  verifying.passes.splice(0)
  t.equal(await passProblem(verifying), 'anchor-changed')
})

t.test('a row that no run of the sealer will find is found, by its id', async t => {
  const forged = { 'before what is sealed': "'3'::xid8", 'after all that will ever be': "'9000000000000000000'::xid8" }
  for (const [name, transaction] of Object.entries(forged)) {
    const { db, app, write, verifier } = await ownedTrail(t)
    const record = pruningRecord(CURRENT_VERSION, 'orders', 'planted', null)
    await insertRecords(db, [record], 60_000)
    t.equal((await verifyChain(db)).ok, true, 'a row that is about to be sealed is none')
    await db.raw(`update audit_events set transaction_id = ${transaction} where id = ?`, [record.id])
    await write(2)
    await sealNow(app)
    const verifying = verifier()
    t.equal(await passProblem(verifying), 'row-never-sealed', `the verifier: ${name}`)
    t.match(verifying.passes, [{ row: record.id }])
    t.match(await verifyChain(db), { ok: false, problem: 'row-never-sealed' }, `the command: ${name}`)
    await db('audit_events')
      .where({ id: record.id })
      .update({ transaction_id: db.raw('pg_current_xact_id()') })
    await sealNow(app)
    t.equal(await passProblem(verifier()), null, 'an operator who has looked at it can have it sealed')
  }
})

t.test('a row of a transaction that is open for long is none of them, whatever is sealed meanwhile', async t => {
  const { db, app, write, verifier } = await ownedTrail(t)
  const long = await db.transaction()
  await insertRecords(long, [pruningRecord(CURRENT_VERSION, 'orders', 'long', null)], 60_000)
  const verifying = verifier()
  for (let n = 0; n < 3; n++) {
    await write(2)
    verifying.passes.splice(0)
    t.equal(await passProblem(verifying), null)
  }
  await long.commit()
  verifying.passes.splice(0)
  t.equal(await passProblem(verifying), null, 'nor between its commit and its seal')
  t.match(await verifyChain(db), { ok: true, unsealedRows: 1 })
  await sealNow(app)
  t.equal(await passProblem(verifier()), null)
})

t.test('a watermark that is set back hides no row from the verifier that saw it', async t => {
  const { db, verifier } = await ownedTrail(t)
  const verifying = verifier()
  t.equal(await passProblem(verifying), null)
  const record = pruningRecord(CURRENT_VERSION, 'orders', 'planted', null)
  await insertRecords(db, [record], 60_000)
  await db.raw("update audit_events set transaction_id = '3' where id = ?", [record.id])
  await db('audit_seals').update({ watermark: '2' })
  verifying.passes.splice(0)
  t.equal(await passProblem(verifying), 'row-never-sealed')
})

t.test('an anchor that is away stops no verification, and is named once', async t => {
  let now = 0
  const { db, write, checkpoint, verifier } = await ownedTrail(t, { clock: () => now })
  const folder = spillFolder(t)
  const [near, file] = [fileAnchor(join(folder, 'near')), fileAnchor(join(folder, 'far'))]
  await checkpoint(near, file)
  let [isAway, asked] = [true, 0]
  const far: CheckpointAnchor = {
    ...file,
    name: 'far',
    latest: async () => {
      asked++
      if (isAway) throw new Error('no route')
      return await file.latest()
    }
  }
  const verifying = verifier(far, near)
  for (const problem of [null, null]) {
    verifying.passes.splice(0)
    t.equal(await passProblem(verifying), problem, 'a pass is right')
  }
  t.same(verifying.state().anchorsAway, ['far'])
  t.same([verifying.anchors, asked], [['far is away'], 1], 'and not asked at each step')
  await write(2)
  await cutTail(db, OWNED_ROWS - 1)
  await db('audit_checkpoints').delete()
  verifying.passes.splice(0)
  t.equal(await passProblem(verifying), 'behind-anchor', 'what the other anchor has still counts')
  isAway = false
  now += 60_000
  await verifying.step()
  t.same([verifying.anchors, verifying.state().anchorsAway], [['far is away', 'far answers'], []])
  isAway = true
  const alone = verifier(far)
  now += 60_000
  t.equal(await passProblem(alone), null, 'an anchor that never answered says nothing')
})
