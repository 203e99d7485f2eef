import { auditMigrations } from '@sallyport/audit-log'
import { sessionMigrations } from '@sallyport/authentication/session-stores'
import type { Knex } from 'knex'

/**
 * Brings the gateway's database up to date: it holds the audit trail of the edge, and sessions where
 * a setting says so.
 * @param db pool of the database's owner
 * @param roles names of the roles that may append, and that may prune
 */
export async function migrate(
  db: Knex,
  roles: { readonly appRole: string; readonly prunerRole: string }
): Promise<void> {
  for (const { source, tableName } of [auditMigrations(roles), sessionMigrations(roles)]) {
    await db.migrate.latest({ migrationSource: source, tableName })
  }
}
