import {
  addBegunTxn,
  addUnfinishedWork,
  dropBegunTxn,
  dropUnfinishedWork,
  migrateService,
  namedMigrations,
  type DomainTables,
  type ServiceRoles
} from '@sallyport/service-kit'
import type { Knex } from 'knex'

const restaurantTables: DomainTables = {
  migrations: namedMigrations('restaurant_migrations', {
    '0001-restaurants': { up: createRestaurants, down: dropRestaurants },
    '0002-tickets': { up: createTickets, down: dropTickets },
    '0003-customer-and-recovery': { up: addCustomerAndRecovery, down: dropCustomerAndRecovery },
    '0004-begun-txn': { up: db => addBegunTxn(db, 'tickets'), down: db => dropBegunTxn(db, 'tickets') }
  }),
  grants: {
    // Update, because locking a row while its menu changes needs that right.
    restaurants: ['select', 'update'],
    menu_items: ['select', 'insert', 'update', 'delete'],
    tickets: ['select', 'insert', 'update'],
    ticket_lines: ['select', 'insert']
  }
}

/**
 * Makes the tables of restaurant-service, its audit trail and access control lists, and grants the app role its rights.
 * @param db pool of the database's owner
 */
export async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  await migrateService(db, roles, restaurantTables)
}

async function createRestaurants(db: Knex): Promise<void> {
  await db.raw('create table restaurants (restaurant_id uuid primary key, name text not null unique)')
  await db.raw(`
    create table menu_items (
      menu_item_id uuid primary key,
      restaurant_id uuid not null references restaurants on delete cascade,
      position integer not null,
      name text not null,
      price_cents integer not null check (price_cents >= 0)
    )`)
  await db.raw('create index menu_items_of_restaurant on menu_items (restaurant_id, position)')
}

async function dropRestaurants(db: Knex): Promise<void> {
  for (const table of ['menu_items', 'restaurants']) await db.raw('drop table ??', [table])
}

/** Lines repeat the name: a ticket shows what was ordered, also after the menu has changed. */
async function createTickets(db: Knex): Promise<void> {
  await db.raw(`
    create table tickets (
      ticket_id uuid primary key,
      order_id uuid not null unique,
      restaurant_id uuid not null references restaurants,
      state text not null check (state in ('OPEN', 'ACCEPTED', 'CANCELLED')),
      delivery_id uuid check (delivery_id is null or state = 'ACCEPTED'),
      delivery_address text not null,
      created_at timestamptz not null default now()
    )`)
  await db.raw('create index tickets_of_restaurant on tickets (restaurant_id, created_at desc, ticket_id desc)')
  await db.raw(`
    create table ticket_lines (
      ticket_id uuid not null references tickets on delete cascade,
      position integer not null,
      menu_item_id uuid not null,
      name text not null,
      quantity integer not null check (quantity > 0),
      primary key (ticket_id, position)
    )`)
}

async function dropTickets(db: Knex): Promise<void> {
  for (const table of ['ticket_lines', 'tickets']) await db.raw('drop table ??', [table])
}

/**
 * Whose order a ticket is for; unknown for older tickets. Recovery takes up accepted tickets that have waited for their
 * delivery since before.
 */
async function addCustomerAndRecovery(db: Knex): Promise<void> {
  await db.raw('alter table tickets add column customer_id text')
  await addUnfinishedWork(db, 'tickets')
  await db.raw("update tickets set recover_after = now() where state = 'ACCEPTED' and delivery_id is null")
}

async function dropCustomerAndRecovery(db: Knex): Promise<void> {
  await dropUnfinishedWork(db, 'tickets')
  await db.raw('alter table tickets drop column customer_id')
}
