import type { Knex } from 'knex'
import type { AuditRoles } from '../audit-roles.ts'

/** What a hold can be over, as this migration knows it: a member of its filter, and the column. */
const HELD_FIELDS = {
  subject: 'subject',
  clientId: 'client_id',
  nameTried: 'name_tried',
  action: 'action',
  outcome: 'outcome',
  reason: 'reason',
  resourceType: 'resource_type',
  resourceId: 'resource_id',
  requestId: 'request_id',
  traceId: 'trace_id',
  txn: 'txn',
  sessionId: 'session_id'
} as const

/** A hold over an issuer; rows without one are of the trail's own. */
const OF_HELD_ISSUER = `and (h.filter->>'issuer' is null or h.filter->>'issuer' = e.issuer
  or (h.over_own_issuer and e.issuer is null and e.subject is not null))`

/** Columns that say whose a key or an erasure is, where that is nobody of the trail's own issuer. */
const OF_OTHER_ISSUERS = 'add column if not exists issuer text, add column if not exists issuer_subject text'

/**
 * Persons of other issuers than the trail's own: keys and erasures name their issuer, and a hold may. They have columns
 * of their own, in which processes of earlier releases do not look: those would take a key of another issuer for that
 * of their own subject. Runs in no transaction, because its indexes are made while processes write, and can be repeated
 * after a broken attempt.
 * @param alter alters a table that others write to, without holding them up
 */
export function addPersonsOfIssuers(
  { appRole, prunerRole }: AuditRoles,
  alter: (db: Knex, statement: string) => Promise<void>
): Knex.Migration & { readonly config: { readonly transaction: false } } {
  return {
    config: { transaction: false },
    async up(db) {
      await alter(
        db,
        `
        alter table audit_person_keys ${OF_OTHER_ISSUERS},
          drop constraint if exists audit_person_keys_check,
          drop constraint if exists audit_person_keys_owner,
          add constraint audit_person_keys_owner check (num_nonnulls(subject, issuer_subject, day) = 1
            and num_nulls(issuer, issuer_subject) in (0, 2)) not valid`
      )
      await alter(
        db,
        `
        alter table audit_erasures ${OF_OTHER_ISSUERS},
          alter column subject drop not null,
          drop constraint if exists audit_erasures_person,
          add constraint audit_erasures_person check (num_nonnulls(subject, issuer_subject) = 1
            and num_nulls(issuer, issuer_subject) in (0, 2)) not valid`
      )
      for (const table of ['audit_person_keys', 'audit_erasures']) {
        const name = `${table}_issuer`
        await db.raw('drop index concurrently if exists ??', [name])
        await db.raw('create index concurrently ?? on ?? (issuer, issuer_subject) where issuer is not null', [
          name,
          table
        ])
      }
      await db.raw('grant insert (issuer, issuer_subject) on audit_person_keys to ??, ??', [appRole, prunerRole])
      await db.raw('grant insert (issuer, issuer_subject) on audit_erasures to ??', [prunerRole])
      await alter(db, 'alter table audit_holds add column if not exists over_own_issuer boolean not null default false')
      await db.raw('grant insert (over_own_issuer) on audit_holds to ??', [appRole])
      await replaceIsHeld(db, OF_HELD_ISSUER)
    },
    down: dropPersonsOfIssuers
  }
}

/** Whoever is of another issuer would be nobody, and a hold would be over more or less than it says. */
async function dropPersonsOfIssuers(db: Knex): Promise<void> {
  for (const table of ['audit_person_keys', 'audit_erasures']) {
    const { rows } = await db.raw<{ rows: unknown[] }>('select from ?? where issuer is not null limit 1', [table])
    if (rows.length > 0) throw new Error('there are keys or erasures of persons of other issuers')
  }
  const { rows } = await db.raw<{ rows: unknown[] }>(
    "select from audit_holds where jsonb_exists(filter, 'issuer') limit 1"
  )
  if (rows.length > 0) throw new Error('there are legal holds over an issuer')
  await replaceIsHeld(db, '')
  await db.raw('alter table audit_holds drop column over_own_issuer')
  await db.raw(`alter table audit_erasures drop column issuer, drop column issuer_subject,
    alter column subject set not null`)
  await db.raw(`alter table audit_person_keys drop column issuer, drop column issuer_subject,
    add constraint audit_person_keys_check check ((subject is null) <> (day is null))`)
}

async function replaceIsHeld(db: Knex, ofIssuer: string): Promise<void> {
  const { rows } = await db.raw<{ rows: { schema: string }[] }>('select current_schema() as schema')
  const isOver = Object.entries(HELD_FIELDS).map(
    ([member, column]) => `and (h.filter->>'${member}' is null or h.filter->>'${member}' = e.${column})`
  )
  await db.raw(
    `
    create or replace function audit_is_held(e audit_events) returns boolean language sql stable
    set search_path = ??, pg_temp as $$
      select exists (
        select from audit_holds h where not exists (select from audit_hold_releases r where r.hold_id = h.id)
          and (h.filter->>'from' is null or e.occurred_at >= (h.filter->>'from')::timestamptz)
          and (h.filter->>'until' is null or e.occurred_at < (h.filter->>'until')::timestamptz)
          ${[...isOver, ofIssuer].join('\n')})
    $$`,
    [rows[0]?.schema ?? 'public']
  )
}
