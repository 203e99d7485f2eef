import type { Knex } from 'knex'
import type { AuditRoles } from './audit-roles.ts'
import { ADOPT_ACTION, adoptDetail, pruningRecord } from './pruning-mark.ts'
import type { Rows } from './seal-pending.ts'
import { insertRecords } from './store.ts'

/**
 * A mark states which rows were removed, and a row of the trail states the same. Existing marks get one row that states
 * all of them as they are; from now on a new mark of their kind is refused.
 */
export async function addMarks(db: Knex, { prunerRole }: AuditRoles): Promise<void> {
  await db.raw(`
    alter table audit_prunings
      add column first_sequence bigint, add column digest bytea, add column event_id uuid`)
  await adoptOldMarks(db)
  await db.raw(`
    alter table audit_prunings add constraint audit_prunings_stated check (
      first_sequence > 0 and through_sequence >= first_sequence and removed = through_sequence - first_sequence + 1
      and octet_length(digest) = 32 and first_sequence is not null and digest is not null and event_id is not null) not valid`)
  await db.raw('grant insert (first_sequence, digest, event_id) on audit_prunings to ??', [prunerRole])
  await db.raw(
    `
    grant insert (version, id, occurred_at, process, action, outcome, reason, subject, issuer, client_id, actor, session_id,
      token_id_hash, resource_type, resource_id, request_id, trace_id, txn, source_address, detail, peer_address, name_tried,
      repeats, content_hash) on audit_events to ??`,
    [prunerRole]
  )
}

/** Marks of the new kind would lose their content. */
export async function dropMarks(db: Knex): Promise<void> {
  const { rows } = await db.raw<Rows<unknown>>('select from audit_prunings where first_sequence is not null limit 1')
  if (rows.length > 0) throw new Error('there are pruning marks that state what they removed, and would lose it')
  await db.raw('alter table audit_prunings drop column first_sequence, drop column digest, drop column event_id')
}

async function adoptOldMarks(db: Knex): Promise<void> {
  const { rows } = await db.raw<Rows<{ through: string; removed: string }>>(
    'select through_sequence as through, removed from audit_prunings order by through_sequence, id'
  )
  if (rows.length === 0) return
  const marks = rows.map(({ through, removed }) => ({ throughSequence: Number(through), removed: Number(removed) }))
  const detail = adoptDetail(marks)
  // Of version 2, whatever the current one is when this runs.
  const record = pruningRecord(2, 'audit-log', ADOPT_ACTION, detail)
  await insertRecords(db, [record], 60_000)
  await db('audit_prunings').update({ event_id: record.id })
}
