import type { Knex } from 'knex'
import type { AuditRoles } from '../audit-roles.ts'

/**
 * How far the trail was pushed, who pushes it now, and until when nobody else does. The app role takes it up and moves
 * it on, column by column; the table itself refuses to move it back, or beyond the last seal, and to begin anew what
 * was ended.
 */
export async function addPushes(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  await db.raw(`
    create table audit_pushes (
      id smallint primary key default 1 check (id = 1),
      through_sequence bigint not null default 0 check (through_sequence >= 0),
      holder uuid,
      held_until timestamptz,
      pushed_at timestamptz,
      ended_at timestamptz
    )`)
  await db.raw('revoke all on audit_pushes from public')
  await db.raw('grant select on audit_pushes to ??, ??', [appRole, prunerRole])
  await db.raw('grant insert (id, holder, held_until) on audit_pushes to ??', [appRole])
  await db.raw('grant update (through_sequence, holder, held_until, pushed_at, ended_at) on audit_pushes to ??', [
    appRole
  ])
  const { rows } = await db.raw<{ rows: { schema: string }[] }>('select current_schema() as schema')
  await db.raw(
    `
    create function audit_push_forward() returns trigger language plpgsql set search_path = ??, pg_temp as $$
      begin
        if new.through_sequence < old.through_sequence
          or new.through_sequence > greatest(old.through_sequence, (select max(sequence) from audit_seals)) then
          raise exception 'the place of the push of the audit trail only moves forward'
            using errcode = 'check_violation';
        end if;
        return new;
      end
    $$`,
    [rows[0]?.schema ?? 'public']
  )
  await db.raw(`
    create trigger audit_pushes_forward before update on audit_pushes
      for each row execute function audit_push_forward()`)
}

/** What was pushed would be pushed again. */
export async function dropPushes(db: Knex): Promise<void> {
  await db.raw('drop table audit_pushes')
  await db.raw('drop function audit_push_forward')
}
