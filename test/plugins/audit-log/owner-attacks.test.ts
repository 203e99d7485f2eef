// What the owner of the database can do beside changing values: to types, constraints, places and the past.
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileAnchor, pruneAudit, sealNow, verifyChain, type CheckpointAnchor } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { makeCheckpoint } from '../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import {
  createTrailVerifier,
  type TrailVerifier,
  type VerifiedPass
} from '../../../plugins/audit-log/src/checkpoint/trail-verifier.ts'
import { PRUNE_ACTION, pruneDetail, pruningRecord, rangeDigest } from '../../../plugins/audit-log/src/pruning-mark.ts'
import { CURRENT_VERSION } from '../../../plugins/audit-log/src/record.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const KEYS = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })
const ROWS = 8

interface OwnedTrail {
  /** Of a superuser, who can do everything that an owner can. */
  readonly db: Knex
  readonly pruner: Knex
  readonly write: (count: number) => Promise<void>
  readonly checkpoint: (...anchors: CheckpointAnchor[]) => Promise<void>
  readonly verifier: (...anchors: CheckpointAnchor[]) => Verifying
}

interface Verifying {
  readonly step: TrailVerifier['step']
  readonly passes: VerifiedPass[]
}

async function ownedTrail(t: Test, placeFile?: string): Promise<OwnedTrail> {
  const { app, superuser: db, pruner } = await auditDatabase(t)
  const audited = await buildApp(t, { db: app }, () => {})
  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      await audited.auditSink.write({ action: 'step', outcome: 'success', subject: 'user-1', detail: { n } })
    }
    await sealNow(app)
  }
  await write(ROWS)
  return {
    db,
    pruner,
    write,
    checkpoint: async (...anchors) => {
      await makeCheckpoint({ db: app, keys: KEYS, anchors, timeoutMs: 60_000, onAnchorError: () => {} })
    },
    verifier: (...anchors) => {
      const passes: VerifiedPass[] = []
      const { step } = createTrailVerifier({
        db,
        keys: KEYS,
        anchors,
        rowsPerStep: 5,
        ...(placeFile !== undefined && { placeFile }),
        monotonicClock: () => 0,
        onPass: pass => passes.push(pass),
        onError: () => {}
      })
      return { step, passes }
    }
  }
}

/** What the verifier says at the end of a pass; `undefined` where it comes to none. */
async function problemOf({ step, passes }: Verifying): Promise<VerifiedPass['problem'] | undefined> {
  for (let steps = 0; steps < 5 && passes.length === 0; steps++) await step()
  return passes[0]?.problem
}

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
  t.equal(await problemOf(verifier()), null)
  for (const [name, [attack, undo]] of Object.entries(CHANGES)) {
    await db.raw(attack)
    t.type(await problemOf(verifier()), 'string', `the verifier: ${name}`)
    const report = await verifyChain(db).catch(() => ({ ok: false }))
    t.equal(report.ok, false, `the command: ${name}`)
    await db.raw(undo)
    t.equal(await problemOf(verifier()), null, 'and is right again')
  }
})

t.test('a row in a place that was pruned is found, whatever hash it has', async t => {
  const { db, pruner, write, verifier } = await ownedTrail(t)
  const { event_id: id } = await db('audit_seals').where({ sequence: 4 }).first()
  await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) })
  await write(1)
  t.equal(await problemOf(verifier()), null)
  await db.raw('alter table audit_events alter content_hash drop not null')
  const planted = { ...pruningRecord(CURRENT_VERSION, 'orders', 'planted', null), id }
  await insertRecords(db, [planted], 60_000)
  await db('audit_events').where({ id }).update({ content_hash: null })
  t.equal(await problemOf(verifier()), 'pruning-mark-wrong')
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
    t.type(await problemOf(verifier()), 'string')
    t.equal((await verifyChain(db)).ok, false)
    await db('audit_events')
      .where({ id: record.id })
      .update({ transaction_id: db.raw('pg_current_xact_id()') })
    t.equal((await verifyChain(db)).ok, true, 'one that is about to be sealed is')
    await sealNow(db)
    t.equal(await problemOf(verifier()), null)
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
  const { db, verifier } = await ownedTrail(t, placeFile)
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
  t.equal(await problemOf(verifier()), 'behind-anchor')
  await db('audit_checkpoints').update({ size: 4711 })
  t.equal(await problemOf(verifier()), 'checkpoint-changed', 'and one that nobody signed')
})

t.test('an older checkpoint that is added to an anchor again does not hide a tail that is cut off', async t => {
  const { db, write, checkpoint, verifier } = await ownedTrail(t)
  const anchor = fileAnchor(join(spillFolder(t), 'checkpoints'))
  await checkpoint(anchor)
  const older = (await anchor.latest()) ?? ''
  await write(2)
  await checkpoint(anchor)
  const verifying = verifier(anchor)
  t.equal(await problemOf(verifying), null)
  await anchor.add(older)
  await cutTail(db, ROWS)
  await db('audit_checkpoints').where('size', '>', ROWS).delete()
  verifying.passes.splice(0)
  t.equal(await problemOf(verifying), 'anchor-changed')
})
