import type { Knex } from 'knex'

/**
 * What removing old status lists needs: since when nothing is in a list, and an index for each check that a position is
 * free.
 */
export const migration = {
  name: '008_housekeeping',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('status_lists', table => {
      table.timestamp('unused_since')
    })
    // Without them each removed position costs a look at every session and client.
    for (const name of ['sessions', 'clients']) {
      await db.schema.alterTable(name, table => {
        table.index(['status_list_id', 'status_index'])
      })
    }
  },
  async down(db: Knex): Promise<void> {
    for (const name of ['sessions', 'clients']) {
      await db.schema.alterTable(name, table => {
        table.dropIndex(['status_list_id', 'status_index'])
      })
    }
    await db.schema.alterTable('status_lists', table => {
      table.dropColumn('unused_since')
    })
  }
}
