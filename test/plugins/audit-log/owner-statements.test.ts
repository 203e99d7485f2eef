// Holds and erasures are in tables that the owner of the database can change: the trail says what they were.
import { join } from 'node:path'
import {
  erasePerson,
  placeHold,
  pruneAudit,
  reapplyErasures,
  releaseHold,
  sealNow,
  verifyChain
} from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { PRUNE_ACTION, pruneDetail, pruningRecord, rangeDigest } from '../../../plugins/audit-log/src/pruning-mark.ts'
import { contentHash, CURRENT_VERSION, SELECT_RECORD } from '../../../plugins/audit-log/src/record.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { ownedTrail, passProblem, type OwnedTrail } from './support/owned-trail.ts'
import { spillFolder } from './support/spill-folder.ts'

const CONTEXT = { process: 'legal', timeoutMs: 5000, ownIssuer: 'https://own.example.com' }
const LATER = '2999-01-01T00:00:00Z'

interface StatedTrail extends OwnedTrail {
  readonly file: string
  /** What the verifier and the command say. */
  readonly problems: () => Promise<readonly unknown[]>
}

/** Two live holds, one that was released and placed anew, and three erasures, one of them applied again. */
async function statedTrail(t: Test, saidLess: Readonly<Record<string, readonly string[]>> = {}): Promise<StatedTrail> {
  const trail = await ownedTrail(t)
  const { app, db, pruner } = trail
  const file = join(spillFolder(t), 'erasures')
  await placeHold(app, { name: 'one', filter: { subject: 'user-9', until: LATER } }, CONTEXT)
  await placeHold(app, { name: 'two', filter: { action: 'nothing', issuer: CONTEXT.ownIssuer } }, CONTEXT)
  await releaseHold(app, 'one', CONTEXT)
  await placeHold(app, { name: 'one', filter: { subject: 'user-9' } }, CONTEXT)
  await releaseHold(app, 'two', CONTEXT)
  await releaseHold(app, 'one', CONTEXT)
  await placeHold(app, { name: 'two', filter: { subject: 'user-8' } }, CONTEXT)
  const request = { ground: 'asked', operator: 'test', file, ownIssuer: CONTEXT.ownIssuer }
  await erasePerson(pruner, { ...request, subject: 'user-1' })
  await erasePerson(pruner, { ...request, subject: 'user-2', issuer: 'https://partner.example.com' })
  await erasePerson(pruner, { ...request, subject: 'user-3' })
  // As a backup from before the last one has it.
  await db.raw(`delete from audit_events where id = (select event_id from audit_erasures where subject = 'user-3')`)
  await db('audit_erasures').where({ subject: 'user-3' }).delete()
  await reapplyErasures(pruner, { file })
  for (const [action, members] of Object.entries(saidLess)) await sayLess(db, action, members)
  await sealNow(app)
  const problems = async (): Promise<readonly unknown[]> => [
    await passProblem(trail.verifier()),
    (await verifyChain(db)).problem ?? null
  ]
  return { ...trail, file, problems }
}

/** Writes a row as an earlier release did, which said less. */
async function sayLess(db: Knex, action: string, members: readonly string[]): Promise<void> {
  for (const row of await db('audit_events').where({ action })) {
    const detail = Object.fromEntries(
      Object.entries(row.detail as Record<string, unknown>).filter(([name]) => !members.includes(name))
    )
    await db('audit_events').where({ id: row.id }).update({ detail })
    const { rows } = await db.raw(`select ${SELECT_RECORD} from audit_events e where id = ?`, [row.id])
    await db('audit_events')
      .where({ id: row.id })
      .update({ content_hash: contentHash(rows[0]) })
  }
}

const LIVE = `(select id from audit_holds h where name = 'two'
  and not exists (select from audit_hold_releases r where r.hold_id = h.id))`
const OTHER_ROW = '(select event_id from audit_seals where sequence = 3)'
const ATTACKS: Readonly<Record<string, readonly [problem: string, sql: string]>> = {
  'a live hold is deleted': ['hold-wrong', `delete from audit_holds where id = ${LIVE}`],
  'a hold is over somebody else': [
    'hold-wrong',
    `update audit_holds set filter = '{"subject":"user-7"}' where id = ${LIVE}`
  ],
  'a hold has another name': ['hold-wrong', `update audit_holds set name = 'three' where id = ${LIVE}`],
  'a hold is over another issuer': ['hold-wrong', 'update audit_holds set over_own_issuer = not over_own_issuer'],
  'a hold is forged': [
    'hold-wrong',
    `insert into audit_holds (id, name, filter, event_id) values (gen_random_uuid(), 'x', '{}', gen_random_uuid())`
  ],
  'a hold is forged with the row of another': [
    'hold-wrong',
    `insert into audit_holds (id, name, filter, event_id)
      select gen_random_uuid(), name, filter, event_id from audit_holds where id = ${LIVE}`
  ],
  'a release is forged with a row that says something else': [
    'hold-wrong',
    `insert into audit_hold_releases (hold_id, event_id) values (${LIVE}, ${OTHER_ROW})`
  ],
  'a release is deleted': [
    'hold-wrong',
    `delete from audit_hold_releases where hold_id in (select id from audit_holds where name = 'two')`
  ],
  'a release is of the later hold of that name': [
    'hold-wrong',
    `update audit_hold_releases set hold_id = ${LIVE} where hold_id in (select id from audit_holds where name = 'two')`
  ],
  'the row of a hold is gone, and its hold': [
    'row-missing',
    `delete from audit_events where id = (select event_id from audit_holds where id = ${LIVE});
      delete from audit_holds where id = ${LIVE}`
  ],
  'an erasure is deleted': ['erasure-wrong', `delete from audit_erasures where subject = 'user-1'`],
  'one that was applied again is deleted': ['erasure-wrong', `delete from audit_erasures where subject = 'user-3'`],
  'an erasure is later than it was': [
    'erasure-wrong',
    `update audit_erasures set erased_at = '${LATER}' where subject = 'user-1'`
  ],
  'one that was applied again is later': [
    'erasure-wrong',
    `update audit_erasures set erased_at = erased_at + interval '1 second' where subject = 'user-3'`
  ],
  'an erasure is of somebody else': [
    'erasure-wrong',
    `update audit_erasures set subject = 'user-4' where subject = 'user-1'`
  ],
  'an erasure is of another issuer': [
    'erasure-wrong',
    `update audit_erasures set issuer = 'https://other.example.com' where issuer is not null`
  ],
  'an erasure is forged': [
    'erasure-wrong',
    `insert into audit_erasures (subject, event_id) values ('user-5', ${OTHER_ROW})`
  ],
  'an erasure is forged with the row of another': [
    'erasure-wrong',
    `insert into audit_erasures (subject, event_id)
      select 'user-5', event_id from audit_erasures where subject in ('user-1', 'user-3')`
  ]
}

const TABLES = ['audit_hold_releases', 'audit_holds', 'audit_erasures'] as const

/** Gives back the rows of the tables as they are now, and of the trail. */
async function keepTables(db: Knex): Promise<() => Promise<void>> {
  for (const table of [...TABLES, 'audit_events']) await db.raw(`create table kept_${table} as table ${table}`)
  return async () => {
    for (const table of TABLES) await db(table).delete()
    for (const table of TABLES.toReversed()) {
      await db.raw(`insert into ${table} overriding system value table kept_${table}`)
    }
    await db.raw('insert into audit_events table kept_audit_events on conflict do nothing')
    for (const table of [...TABLES, 'audit_events']) await db.raw(`drop table kept_${table}`)
  }
}

t.test('holds and erasures are compared with the rows that say them', async t => {
  const { db, problems } = await statedTrail(t)
  t.same(await problems(), [null, null], 'an honest trail')
  for (const [name, [problem, sql]] of Object.entries(ATTACKS)) {
    const restore = await keepTables(db)
    await db.raw(sql)
    t.same(await problems(), [problem, problem], name)
    await restore()
  }
  t.same(await problems(), [null, null], 'and is right again')
})

t.test('what a row says is found by its sequence', async t => {
  const { db } = await statedTrail(t)
  await db('audit_erasures').where({ subject: 'user-1' }).delete()
  const [seal] = (
    await db.raw(`select sequence from audit_seals s join audit_events e on e.id = s.event_id
      where e.action = 'audit.erase' and e.resource_id = 'user-1'`)
  ).rows
  t.match(await verifyChain(db), { problem: 'erasure-wrong', firstBadSequence: Number(seal.sequence) })
})

const SAID_LESS = {
  'audit.hold': ['overOwnIssuer'],
  'audit.erase': ['erasedAt'],
  'audit.erase-again': ['added', 'digest']
}

t.test('rows of earlier releases are compared with what they say, and none that is honest is reported', async t => {
  const { db, problems } = await statedTrail(t, SAID_LESS)
  t.same(await problems(), [null, null])
  const found = [
    'an erasure is deleted',
    'an erasure is later than it was',
    'an erasure is forged with the row of another',
    'a hold is over somebody else'
  ]
  for (const name of found) {
    const [problem = '', sql = ''] = ATTACKS[name] ?? []
    const restore = await keepTables(db)
    await db.raw(sql)
    t.same(await problems(), [problem, problem], name)
    await restore()
  }
})

/** Removes the row at a place as an earlier release did, which kept none of these rows. */
async function pruneByHand(db: Knex, sequence: number): Promise<void> {
  const seals = await db('audit_seals').orderBy('sequence')
  const [before, seal] = [seals[sequence - 2], seals[sequence - 1]]
  await db('audit_events').where({ id: seal.event_id }).delete()
  const digest = rangeDigest(sequence, sequence, before.chain_hash, seal.chain_hash)
  const range = { first: sequence, last: sequence, digest }
  const record = pruningRecord(CURRENT_VERSION, 'audit-pruner', PRUNE_ACTION, pruneDetail(range))
  await insertRecords(db, [record], 60_000)
  await db('audit_prunings').insert({
    first_sequence: sequence,
    through_sequence: sequence,
    removed: 1,
    digest: Buffer.from(digest, 'hex'),
    event_id: record.id
  })
}

t.test('what an earlier release has pruned is no problem, and no pruning takes such a row any more', async t => {
  const { app, db, pruner, problems } = await statedTrail(t)
  await pruneAudit(pruner, { before: new Date(LATER) })
  await sealNow(app)
  t.same(await problems(), [null, null])
  const { rows } = await db.raw(`select s.sequence, e.action from audit_seals s join audit_events e on e.id = s.event_id
    where e.action not in ('audit.prune') order by s.sequence`)
  t.equal(rows.length, 10, 'seven of holds, three of erasures')
  for (const { sequence } of rows) {
    await pruneByHand(db, Number(sequence))
    await sealNow(app)
    t.same(await problems(), [null, null], `without row ${sequence}`)
  }
})
