import type { Knex } from 'knex'

/** Versions of users, for changes that name the one they are meant for; and when a user was deleted. */
export const migration = {
  name: '012_user_versions',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('users', table => {
      table.integer('version').notNullable().defaultTo(1)
      table.timestamp('deleted_at')
    })
  },
  async down(db: Knex): Promise<void> {
    // The earlier version would take them for users who are disabled.
    await db('users').whereNotNull('deleted_at').delete()
    await db.schema.alterTable('users', table => {
      table.dropColumns('version', 'deleted_at')
    })
  }
}
