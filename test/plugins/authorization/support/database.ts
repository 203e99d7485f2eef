import type { Knex } from 'knex'
import type { Test } from 'tap'
import { aclMigrations } from '@sallyport/authorization'
import { testDatabase, type TestDatabase } from '../../../support/database.ts'

/** Role that the access control list is granted to in tests. */
export const APP_ROLE = 'authorization_test_app'

/** A database with the access control list and a table of orders whose columns have the types that services use. */
export async function orderDatabase(t: Test): Promise<TestDatabase> {
  return await testDatabase(t, 'authorization', async (db: Knex) => {
    await db.raw(
      `do $$ begin create role ${APP_ROLE} login password 'test'; exception when duplicate_object or unique_violation then null; end $$`
    )
    const { source, tableName } = aclMigrations({ appRole: APP_ROLE })
    await db.migrate.latest({ migrationSource: source, tableName })
    await db.raw(
      'create table orders (id integer primary key, customer text, customer_uuid uuid, restaurant varchar(40), tenant bigint, state text, priority integer, urgent boolean)'
    )
    await db.raw(`grant select on orders to ${APP_ROLE}`)
  })
}
