import type { Knex } from 'knex'

/** Signing keys with their states, and the bit strings of the published status lists. */
export const migration = {
  name: '001_keys_and_status_lists',
  async up(db: Knex): Promise<void> {
    await db.schema.createTable('signing_keys', table => {
      table.text('kid').primary()
      table.text('algorithm').notNullable()
      table.jsonb('public_jwk').notNullable()
      table.binary('private_key_sealed').notNullable()
      table
        .enum('state', ['published', 'signing', 'retired', 'removed'], {
          useNative: false,
          enumName: 'signing_key_state'
        })
        .notNullable()
      table.timestamp('published_at').notNullable()
      table.timestamp('signing_at')
      table.timestamp('retired_at')
      table.timestamp('removed_at')
    })
    await db.raw("create unique index one_key_signs on signing_keys (state) where state = 'signing'")
    await db.schema.createTable('status_lists', table => {
      table.text('id').primary()
      table.integer('size').notNullable()
      table.binary('bits').notNullable()
      table.bigInteger('version').notNullable().defaultTo(1)
      table.boolean('open').notNullable().defaultTo(true)
      table.timestamp('created_at').notNullable()
    })
    await db.schema.createTable('status_indexes', table => {
      table.text('list_id').notNullable().references('status_lists.id')
      table.integer('index').notNullable()
      table.timestamp('allocated_at').notNullable()
      table.primary(['list_id', 'index'])
    })
  },
  async down(db: Knex): Promise<void> {
    for (const table of ['status_indexes', 'status_lists', 'signing_keys']) await db.schema.dropTable(table)
  }
}
