import type { Knex } from 'knex'

/**
 * Sessions, which are refresh-token families, and everything that is issued under them: hashes and sealed values only.
 */
export const migration = {
  name: '003_sessions_and_tokens',
  async up(db: Knex): Promise<void> {
    await db.schema.createTable('sessions', table => {
      table.uuid('id').primary()
      table.uuid('user_id').notNullable().references('users.id').onDelete('CASCADE')
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      table.text('kind').notNullable()
      table.specificType('scopes', 'text[]').notNullable()
      table.text('audience').notNullable()
      table.integer('idle_seconds').notNullable()
      table.timestamp('created_at').notNullable()
      table.timestamp('last_used_at').notNullable()
      table.timestamp('idle_expires_at').notNullable()
      table.timestamp('absolute_expires_at').notNullable()
      table.text('user_agent')
      table.text('source_address')
      table.text('status_list_id').notNullable()
      table.integer('status_index').notNullable()
      table.timestamp('ended_at')
      table.text('end_reason')
      table.foreign(['status_list_id', 'status_index']).references(['list_id', 'index']).inTable('status_indexes')
      table.index('user_id')
      table.index('client_id')
    })
    await db.raw("alter table sessions add constraint kind_known check (kind in ('login', 'api'))")
    await db.schema.createTable('refresh_tokens', table => {
      table.binary('hash').primary()
      table.uuid('session_id').notNullable().references('sessions.id').onDelete('CASCADE')
      table.binary('predecessor_hash')
      table.binary('successor_hash')
      table.binary('successor_sealed')
      table.timestamp('created_at').notNullable()
      table.timestamp('used_at')
      table.index('session_id')
    })
    await db.schema.createTable('opaque_access_tokens', table => {
      table.binary('hash').primary()
      table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
      table.jsonb('claims').notNullable()
      table.timestamp('expires_at').notNullable().index()
    })
    await db.schema.createTable('replayed_ids', table => {
      table.text('issuer').notNullable()
      table.text('jti').notNullable()
      table.timestamp('expires_at').notNullable().index()
      table.primary(['issuer', 'jti'])
    })
  },
  async down(db: Knex): Promise<void> {
    for (const table of ['replayed_ids', 'opaque_access_tokens', 'refresh_tokens', 'sessions']) {
      await db.schema.dropTable(table)
    }
  }
}
