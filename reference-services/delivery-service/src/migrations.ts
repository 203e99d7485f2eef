import { migrateService, namedMigrations, type DomainTables, type ServiceRoles } from '@sallyport/service-kit'
import type { Knex } from 'knex'

const deliveryTables: DomainTables = {
  migrations: namedMigrations('delivery_migrations', {
    '0001-deliveries': { up: createDeliveries, down: dropDeliveries },
    '0002-customer': { up: addCustomer, down: dropCustomer }
  }),
  grants: { deliveries: ['select', 'insert', 'update'] }
}

/**
 * Makes the tables of delivery-service, its audit trail and access control lists, and grants the app role its rights.
 * @param db pool of the database's owner
 */
export async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  await migrateService(db, roles, deliveryTables)
}

async function createDeliveries(db: Knex): Promise<void> {
  await db.raw(`
    create table deliveries (
      delivery_id uuid primary key,
      ticket_id uuid not null unique,
      order_id uuid not null unique,
      restaurant_id uuid not null,
      state text not null check (state in ('SCHEDULED', 'ACCEPTED', 'PICKED_UP', 'DELIVERED')),
      courier_id text check ((courier_id is null) = (state = 'SCHEDULED')),
      delivery_address text not null,
      created_at timestamptz not null default now()
    )`)
  await db.raw('create index deliveries_of_courier on deliveries (courier_id, created_at desc, delivery_id desc)')
  await db.raw('create index deliveries_newest on deliveries (created_at desc, delivery_id desc)')
}

async function dropDeliveries(db: Knex): Promise<void> {
  await db.raw('drop table deliveries')
}

/** Whose order is delivered; unknown for older deliveries, which no customer sees. */
async function addCustomer(db: Knex): Promise<void> {
  await db.raw('alter table deliveries add column customer_id text')
}

async function dropCustomer(db: Knex): Promise<void> {
  await db.raw('alter table deliveries drop column customer_id')
}
