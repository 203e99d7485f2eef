import type { Knex } from 'knex'
import type { AuditRoles } from './audit-roles.ts'

/** Signed checkpoints, with the roots of the full subtrees, so that the next one does not read every seal again. */
export async function addCheckpoints(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  await db.raw(`
    create table audit_checkpoints (
      size bigint primary key check (size >= 0),
      note text not null,
      roots bytea not null check (octet_length(roots) % 32 = 0),
      made_at timestamptz not null default now()
    )`)
  await db.raw('revoke all on audit_checkpoints from public')
  await db.raw('grant select on audit_checkpoints to ??, ??', [appRole, prunerRole])
  await db.raw('grant insert (size, note, roots) on audit_checkpoints to ??', [appRole])
}

export async function dropCheckpoints(db: Knex): Promise<void> {
  await db.raw('drop table audit_checkpoints')
}
