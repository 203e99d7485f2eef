import type { Knex } from 'knex'
import type { AuditRoles } from '../audit-roles.ts'

/** What a hold can be over, as this migration knows it: a member of its filter, and the column. */
const HELD_BY = {
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

/**
 * Rows under a legal hold cannot be deleted, whoever prunes: the table itself refuses it. Holds and their releases are
 * only added, each with a row of the trail. The functions name their tables by a path that nobody else can put a table
 * into.
 */
export async function addHolds(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  await db.raw(`
    create table audit_holds (
      id uuid primary key, name text not null, filter jsonb not null, event_id uuid not null,
      placed_at timestamptz not null default now(), placed_by text not null default current_user)`)
  await db.raw(`
    create table audit_hold_releases (
      hold_id uuid primary key references audit_holds, event_id uuid not null,
      released_at timestamptz not null default now(), released_by text not null default current_user)`)
  for (const table of ['audit_holds', 'audit_hold_releases']) {
    await db.raw('revoke all on ?? from public', [table])
    await db.raw('grant select on ?? to ??, ??', [table, appRole, prunerRole])
  }
  await db.raw('grant insert (id, name, filter, event_id) on audit_holds to ??', [appRole])
  await db.raw('grant insert (hold_id, event_id) on audit_hold_releases to ??', [appRole])
  const { rows } = await db.raw<{ rows: { schema: string }[] }>('select current_schema() as schema')
  const schema = rows[0]?.schema ?? 'public'
  const isOver = Object.entries(HELD_BY).map(
    ([member, column]) => `and (h.filter->>'${member}' is null or h.filter->>'${member}' = e.${column})`
  )
  await db.raw(
    `
    create function audit_is_held(e audit_events) returns boolean language sql stable set search_path = ??, pg_temp as $$
      select exists (
        select from audit_holds h where not exists (select from audit_hold_releases r where r.hold_id = h.id)
          and (h.filter->>'from' is null or e.occurred_at >= (h.filter->>'from')::timestamptz)
          and (h.filter->>'until' is null or e.occurred_at < (h.filter->>'until')::timestamptz)
          ${isOver.join('\n')})
    $$`,
    [schema]
  )
  await db.raw(
    `
    create function audit_keep_held() returns trigger language plpgsql set search_path = ??, pg_temp as $$
      begin
        if audit_is_held(old) then
          raise exception 'an audit row is under a legal hold' using errcode = 'restrict_violation';
        end if;
        return old;
      end
    $$`,
    [schema]
  )
  await db.raw(`
    create trigger audit_events_held before delete on audit_events for each row execute function audit_keep_held()`)
}

/** A hold would be forgotten. */
export async function dropHolds(db: Knex): Promise<void> {
  const { rows } = await db.raw<{ rows: unknown[] }>('select from audit_holds limit 1')
  if (rows.length > 0) throw new Error('there are legal holds, and they would be lost')
  await db.raw('drop trigger audit_events_held on audit_events')
  await db.raw('drop function audit_keep_held')
  await db.raw('drop function audit_is_held')
  await db.raw('drop table audit_hold_releases')
  await db.raw('drop table audit_holds')
}
