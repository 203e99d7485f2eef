import { auditMigrations } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import { APP_TABLES, migrations } from './migrations/index.ts'

/** The database roles that the migrations grant rights to; both exist already. */
export interface DatabaseRoles {
  /** Reads and writes; the running server's role. */
  readonly appRole: string
  /** Removes audit rows past their time. */
  readonly prunerRole: string
}

/**
 * Brings the tables up to date and grants the app role what it needs. Run by the launcher or a CLI, never by the
 * server.
 * @param db a pool of the database's owner
 */
export async function migrate(db: Knex, roles: DatabaseRoles): Promise<void> {
  for (const { source, tableName } of [auditMigrations(roles), migrations]) {
    await db.migrate.latest({ migrationSource: source, tableName })
  }
  for (const table of APP_TABLES) {
    await db.raw('grant select, insert, update, delete on ?? to ??', [table, roles.appRole])
  }
}
