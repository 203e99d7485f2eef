import type { Knex } from 'knex'

/**
 * Audiences as rows of their own, descriptions of scopes, and a version for everything that administrators edit. What
 * scopes and clients name already becomes an audience.
 */
export const migration = {
  name: '010_audiences_and_versions',
  async up(db: Knex): Promise<void> {
    await db.schema.createTable('audiences', table => {
      table.text('name').primary()
      table.text('description').notNullable().defaultTo('')
      table.integer('version').notNullable().defaultTo(1)
      table.timestamp('disabled_at')
    })
    await db.raw(`insert into audiences (name)
      select audience from scopes union select own_audience from clients where own_audience is not null
      union select default_audience from clients where default_audience is not null
      union select unnest(audiences) from clients`)
    await db.schema.alterTable('scopes', table => {
      table.jsonb('descriptions').notNullable().defaultTo('{}')
      table.integer('version').notNullable().defaultTo(1)
      table.timestamp('disabled_at')
    })
    await db.schema.alterTable('clients', table => {
      table.integer('version').notNullable().defaultTo(1)
    })
  },
  async down(db: Knex): Promise<void> {
    await db.schema.alterTable('clients', table => {
      table.dropColumn('version')
    })
    await db.schema.alterTable('scopes', table => {
      table.dropColumns('descriptions', 'version', 'disabled_at')
    })
    await db.schema.dropTable('audiences')
  }
}
