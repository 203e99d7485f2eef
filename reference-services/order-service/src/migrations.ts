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

const orderTables: DomainTables = {
  migrations: namedMigrations('order_migrations', {
    '0001-orders': { up: createOrders, down: dropOrders },
    '0002-begun': { up: addBegun, down: dropBegun },
    '0003-begun-txn': { up: db => addBegunTxn(db, 'orders'), down: db => dropBegunTxn(db, 'orders') }
  }),
  grants: { orders: ['select', 'insert', 'update'], order_lines: ['select', 'insert'] }
}

/**
 * Makes the tables of order-service, its audit trail and access control lists, and grants the app role its rights.
 * @param db pool of the database's owner
 */
export async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  await migrateService(db, roles, orderTables)
}

async function createOrders(db: Knex): Promise<void> {
  await db.raw(`
    create table orders (
      order_id uuid primary key,
      customer_id text not null,
      restaurant_id uuid not null,
      state text not null check (state in ('APPROVAL_PENDING', 'APPROVED', 'REJECTED', 'CANCELLED')),
      ticket_id uuid check (ticket_id is not null or state <> 'APPROVED'),
      total_cents integer not null check (total_cents >= 0),
      delivery_address text not null,
      created_at timestamptz not null default now()
    )`)
  await db.raw('create index orders_of_customer on orders (customer_id, created_at desc, order_id desc)')
  await db.raw('create index orders_newest on orders (created_at desc, order_id desc)')
  await db.raw(`
    create table order_lines (
      order_id uuid not null references orders on delete cascade,
      position integer not null,
      menu_item_id uuid not null,
      name text not null,
      quantity integer not null check (quantity > 0),
      price_cents integer not null check (price_cents >= 0),
      primary key (order_id, position)
    )`)
}

async function dropOrders(db: Knex): Promise<void> {
  for (const table of ['order_lines', 'orders']) await db.raw('drop table ??', [table])
}

/** What was begun and not finished; recovery takes up orders that have waited since before. */
async function addBegun(db: Knex): Promise<void> {
  await db.raw("alter table orders add column begun text check (begun in ('place', 'cancel'))")
  await addUnfinishedWork(db, 'orders')
  await db.raw('alter table orders add check ((begun is null) = (recover_after is null))')
  await db.raw("update orders set begun = 'place', recover_after = now() where state = 'APPROVAL_PENDING'")
}

async function dropBegun(db: Knex): Promise<void> {
  await dropUnfinishedWork(db, 'orders')
  await db.raw('alter table orders drop column begun')
}
