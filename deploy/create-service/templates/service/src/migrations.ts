import { migrateService, namedMigrations, type DomainTables, type ServiceRoles } from '@sallyport/service-kit'
import type { Knex } from 'knex'

const sampleItemTables: DomainTables = {
  migrations: namedMigrations('sample_item_migrations', {
    '0001-sample-items': { up: createSampleItems, down: dropSampleItems }
  }),
  grants: { sample_items: ['select', 'insert', 'update'] }
}

/**
 * Makes the tables of the service, its audit trail and access control lists, and grants the app role its rights.
 * @param db pool of the database's owner
 */
export async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  await migrateService(db, roles, sampleItemTables)
}

async function createSampleItems(db: Knex): Promise<void> {
  await db.raw(`
    create table "sample_items" (
      owner_id text,
      sample_item_id uuid,
      content text not null,
      primary key (owner_id, sample_item_id)
    )`)
}

async function dropSampleItems(db: Knex): Promise<void> {
  await db.raw('drop table "sample_items"')
}
