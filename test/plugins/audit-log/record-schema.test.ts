// The published JSON Schema of a row.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import t from 'tap'
import Schema from 'typebox/schema'
import { CURRENT_VERSION, SELECT_RECORD } from '../../../plugins/audit-log/src/record.ts'
import { insertRecords } from '../../../plugins/audit-log/src/store.ts'
import { AUDIT_RECORD_SCHEMA_PATH, publishedRecordSchema } from '../../support/audit-record-schema.ts'
import { sparse } from '../../support/audit-mutations/every-kind-of-row.ts'
import { ROOT } from '../../support/packages.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'

t.test('the published schema is what the table of the fields says (npm run schema)', async t => {
  t.equal(readFileSync(join(ROOT, AUDIT_RECORD_SCHEMA_PATH), 'utf8'), publishedRecordSchema())
  const { properties } = JSON.parse(publishedRecordSchema()) as { properties: Record<string, { description?: string }> }
  t.match(properties.actor, { description: /^The chain of parties that act for the subject\./ })
})

t.test('rows of every version are as the schema says, and others are not', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  await app.auditSink.write({
    action: 'order.place',
    outcome: 'success',
    subject: 'user-1',
    detail: { items: [1, null] }
  })
  for (let version = 1; version <= CURRENT_VERSION; version++) await insertRecords(db, [sparse(version)], 5000)
  const schema = JSON.parse(publishedRecordSchema()) as object
  const isRecord = (value: unknown): boolean => Schema.Check(schema, value)
  const { rows } = await db.raw<{ rows: Record<string, unknown>[] }>(`select ${SELECT_RECORD} from audit_events e`)
  t.equal(rows.length, CURRENT_VERSION + 1)
  for (const row of rows) t.ok(isRecord(row), JSON.stringify(row))
  const [row] = rows
  for (const wrong of [
    { outcome: 'maybe' },
    { id: 'x' },
    { occurredAt: '2026-11-26' },
    { repeats: 0 },
    { version: 99 },
    { process: null },
    { subject: 7 },
    { more: randomUUID() },
    { version: 1, repeats: 2 }
  ]) {
    t.notOk(isRecord({ ...row, ...wrong }), JSON.stringify(wrong))
  }
})
