import { aclMigrations } from '@sallyport/authorization'
import { auditMigrations } from '@sallyport/audit-log'
import { idempotencyMigrations } from '@sallyport/idempotency'
import type { NamedMigrations } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/** Database roles beside the owner; both exist before the migrations run. */
export interface ServiceRoles {
  /** The running service: the grants of its tables, and insert and select on the audit tables. */
  readonly appRole: string
  /** The retention job of the audit tables. */
  readonly prunerRole: string
}

/** The tables of a service: its migrations, and what the running service may do with each table. */
export interface DomainTables {
  readonly migrations: NamedMigrations<Knex.Migration>
  /** Table → privileges of the app role, for example `{ orders: ['select', 'insert', 'update'] }`. */
  readonly grants: Readonly<Record<string, ReadonlyArray<'select' | 'insert' | 'update' | 'delete'>>>
}

/**
 * Brings the database of a service up to date: audit trail, access control lists, idempotency records, its own tables,
 * and the app role's rights.
 * @param db pool of the database's owner
 */
export async function migrateService(db: Knex, roles: ServiceRoles, domain: DomainTables): Promise<void> {
  const shared = [auditMigrations(roles), aclMigrations(roles), idempotencyMigrations(roles)]
  for (const { source, tableName } of [...shared, domain.migrations]) {
    await db.migrate.latest({ migrationSource: source, tableName })
  }
  for (const [table, privileges] of Object.entries(domain.grants)) {
    await db.raw(`grant ${privileges.join(', ')} on ?? to ??`, [table, roles.appRole])
  }
}
