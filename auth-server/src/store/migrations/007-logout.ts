import type { Knex } from 'knex'

/** Logout of clients: where they hear of it, where browsers go afterwards, and the notices that are on their way. */
export const migration = {
  name: '007_logout',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('clients', table => {
      table.text('backchannel_logout_uri')
      table.specificType('post_logout_redirect_uris', 'text[]').notNullable().defaultTo('{}')
    })
    await db.schema.createTable('logout_notices', table => {
      table.uuid('id').primary()
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      // Not references: a notice is of a session and a user that may be gone when it arrives.
      table.uuid('user_id').notNullable()
      table.uuid('session_id').notNullable()
      table.integer('attempts').notNullable().defaultTo(0)
      table.timestamp('created_at').notNullable()
      table.timestamp('next_attempt_at').notNullable().index()
    })
  },
  async down(db: Knex): Promise<void> {
    await db.schema.dropTable('logout_notices')
    await db.schema.alterTable('clients', table => {
      table.dropColumns('backchannel_logout_uri', 'post_logout_redirect_uris')
    })
  }
}
