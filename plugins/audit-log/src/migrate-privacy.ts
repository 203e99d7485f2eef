import type { Knex } from 'knex'
import type { AuditRoles } from './audit-roles.ts'

/** Columns of version 3 of the record. */
const VERSION_3 = ['sealed', 'source_tag', 'name_tag', 'policy_version', 'configuration_version'] as const

/** Adds the columns of version 3, which no row of an earlier version may have. */
export const VERSION_3_COLUMNS = `
  alter table audit_events
    ${VERSION_3.map(column => `add column ${column} text`).join(', ')},
    add constraint audit_events_version_2
      check (version > 2 or (${VERSION_3.map(column => `${column} is null`).join(' and ')})) not valid`

/**
 * Keys of persons and of days, what they are looked up by, and who was erased. The app role makes keys, and may remove
 * those of days that are over; only the pruner role destroys the keys of persons. There may be several keys of one
 * person: a unique one would make transactions wait for each other.
 */
export async function addPersonKeys(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  await db.raw(`grant insert (${VERSION_3.join(', ')}) on audit_events to ??, ??`, [appRole, prunerRole])
  await db.raw(`
    create table audit_person_keys (
      id uuid primary key,
      subject text,
      day date,
      wrapped_by text,
      wrapped bytea not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz,
      transaction_id xid8 not null default pg_current_xact_id(),
      check ((subject is null) <> (day is null)),
      check ((day is null) = (expires_at is null))
    )`)
  await db.raw('create index audit_person_keys_subject on audit_person_keys (subject) where subject is not null')
  await db.raw('create index audit_person_keys_day on audit_person_keys (day) where day is not null')
  await db.raw(`
    create table audit_lookups (
      token text not null,
      key_id uuid not null references audit_person_keys (id) on delete cascade,
      tag text not null,
      transaction_id xid8 not null default pg_current_xact_id()
    )`)
  await db.raw('create index audit_lookups_token on audit_lookups (token, key_id)')
  await db.raw('create index audit_lookups_key on audit_lookups (key_id)')
  await db.raw(`
    create table audit_erasures (
      id bigint generated always as identity primary key,
      subject text not null,
      erased_at timestamptz not null default now(),
      event_id uuid not null
    )`)
  await db.raw('create index audit_erasures_subject on audit_erasures (subject)')
  await grantPersonKeys(db, appRole, prunerRole)
}

async function grantPersonKeys(db: Knex, appRole: string, prunerRole: string): Promise<void> {
  for (const table of ['audit_person_keys', 'audit_lookups', 'audit_erasures']) {
    await db.raw('revoke all on ?? from public', [table])
    await db.raw('grant select on ?? to ??, ??', [table, appRole, prunerRole])
  }
  await db.raw('grant insert (id, subject, day, wrapped_by, wrapped, expires_at) on audit_person_keys to ??, ??', [
    appRole,
    prunerRole
  ])
  await db.raw('grant insert (token, key_id, tag) on audit_lookups to ??, ??', [appRole, prunerRole])
  await db.raw('grant delete on audit_person_keys to ??, ??', [appRole, prunerRole])
  await db.raw('grant update (wrapped_by, wrapped) on audit_person_keys to ??', [prunerRole])
  await db.raw('grant insert (subject, erased_at, event_id) on audit_erasures to ??', [prunerRole])
  await db.raw('alter table audit_person_keys enable row level security')
  await db.raw('create policy audit_keys_read on audit_person_keys for select using (true)')
  await db.raw('create policy audit_keys_made on audit_person_keys for insert with check (true)')
  await db.raw('create policy audit_keys_over on audit_person_keys for delete to ?? using (expires_at < now())', [
    appRole
  ])
  await db.raw('create policy audit_keys_destroyed on audit_person_keys for delete to ?? using (true)', [prunerRole])
  await db.raw('create policy audit_keys_wrapped on audit_person_keys for update to ?? using (true)', [prunerRole])
}

/** Rows of version 3 cannot be proved without their columns, so they must not be there. */
export async function dropPersonKeys(db: Knex): Promise<void> {
  const { rows } = await db.raw<{ rows: unknown[] }>('select from audit_events where version > 2 limit 1')
  if (rows.length > 0) throw new Error('there are audit rows of version 3, which cannot go back to version 2')
  await db.raw(`alter table audit_events ${VERSION_3.map(column => `drop column ${column}`).join(', ')}`)
  for (const table of ['audit_erasures', 'audit_lookups', 'audit_person_keys']) await db.raw('drop table ??', [table])
}
