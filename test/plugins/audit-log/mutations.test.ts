// What changes in the tables of a trail is noticed. The full sweep is `npm run soak -- audit-mutations`.
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { RECORD_FIELDS } from '../../../plugins/audit-log/src/record.ts'
import {
  notesAnchor,
  writeEveryKindOfRow,
  type MutationTrail
} from '../../support/audit-mutations/every-kind-of-row.ts'
import { findMissed, verifyOnce } from '../../support/audit-mutations/find-missed.ts'
import { BOOKKEEPING, columnsOf, TRAIL_TABLES, trailMutations } from '../../support/audit-mutations/mutations.ts'
import { sampleOf } from '../../support/audit-mutations/sample.ts'
import { auditDatabase } from './support/audited-app.ts'

const SAMPLED = 60

async function mutationTrail(t: Test): Promise<MutationTrail> {
  const { superuser: db } = await auditDatabase(t)
  const keys = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })
  const trail = { db, keys, anchor: notesAnchor() }
  await writeEveryKindOfRow(trail)
  return trail
}

t.test('A3: of a seeded sample of mutations of every kind none is missed', async t => {
  const trail = await mutationTrail(t)
  t.equal(await verifyOnce(trail), null, 'the trail is right before')
  const mutations = sampleOf(await trailMutations(trail.db), SAMPLED, 'a sample of mutations')
  const { made, missed } = await findMissed(trail, mutations)
  t.same(missed, [])
  t.ok(made > SAMPLED / 2, `${made} of ${SAMPLED} changed something`)
  t.equal(await verifyOnce(trail), null, 'and after')
})

t.test('every column of the tables is mutated, or is one that says nothing of what happened', async t => {
  const { superuser: db } = await auditDatabase(t)
  const columns = await columnsOf(db, 'audit_events')
  const recorded = [...Object.values(RECORD_FIELDS).map(({ column }) => column), 'content_hash']
  t.same(
    columns.map(({ name }) => name).filter(name => !recorded.includes(name)),
    BOOKKEEPING.audit_events,
    'what a row says is hashed'
  )
  for (const table of TRAIL_TABLES) {
    const names = (await columnsOf(db, table)).map(({ name }) => name)
    t.same(
      BOOKKEEPING[table].filter(name => !names.includes(name)),
      [],
      `${table} has what is left out`
    )
  }
})
