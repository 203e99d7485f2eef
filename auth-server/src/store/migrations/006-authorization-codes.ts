import type { Knex } from 'knex'

/**
 * The authorization code flow: browsers in which users have logged in, what they allowed, and codes and requests on
 * their way.
 */
export const migration = {
  name: '006_authorization_codes',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('clients', table => {
      table.boolean('first_party').notNullable().defaultTo(false)
      table.boolean('pushed_requests_required').notNullable().defaultTo(false)
    })
    await db.schema.createTable('sign_ins', table => {
      table.uuid('id').primary()
      table.binary('secret_hash').notNullable().unique()
      table.uuid('user_id').notNullable().references('users.id').onDelete('CASCADE').index()
      table.timestamp('authenticated_at').notNullable()
      table.timestamp('last_used_at').notNullable()
      table.timestamp('idle_expires_at').notNullable()
      table.timestamp('absolute_expires_at').notNullable().index()
      table.timestamp('ended_at')
    })
    await db.schema.alterTable('sessions', table => {
      table.uuid('sign_in_id').references('sign_ins.id').onDelete('SET NULL').index()
      table.timestamp('authenticated_at')
    })
    await db.schema.createTable('authorization_codes', table => {
      table.binary('hash').primary()
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      table.uuid('user_id').notNullable().references('users.id').onDelete('CASCADE')
      table.uuid('sign_in_id').notNullable().references('sign_ins.id').onDelete('CASCADE')
      table.text('redirect_uri').notNullable()
      table.text('code_challenge').notNullable()
      table.specificType('scopes', 'text[]').notNullable()
      table.text('audience').notNullable()
      table.text('nonce')
      table.timestamp('authenticated_at').notNullable()
      table.text('dpop_thumbprint')
      table.timestamp('expires_at').notNullable().index()
      table.uuid('session_id')
    })
    await db.schema.createTable('pushed_requests', table => {
      table.binary('hash').primary()
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      table.jsonb('parameters').notNullable()
      table.timestamp('expires_at').notNullable().index()
    })
    await db.schema.createTable('consents', table => {
      table.uuid('user_id').notNullable().references('users.id').onDelete('CASCADE')
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      table.specificType('scopes', 'text[]').notNullable()
      table.timestamp('granted_at').notNullable()
      table.primary(['user_id', 'client_id'])
    })
  },
  async down(db: Knex): Promise<void> {
    for (const table of ['consents', 'pushed_requests', 'authorization_codes']) await db.schema.dropTable(table)
    await db.schema.alterTable('sessions', table => {
      table.dropColumns('sign_in_id', 'authenticated_at')
    })
    await db.schema.dropTable('sign_ins')
    await db.schema.alterTable('clients', table => {
      table.dropColumns('first_party', 'pushed_requests_required')
    })
  }
}
