import type { Knex } from 'knex'

/** The refresh token of a session that was last repeated long after its first use: the next generation's is a theft. */
export const migration = {
  name: '009_late_repeats',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('sessions', table => {
      table.binary('late_repeat_hash')
    })
  },
  async down(db: Knex): Promise<void> {
    await db.schema.alterTable('sessions', table => {
      table.dropColumn('late_repeat_hash')
    })
  }
}
