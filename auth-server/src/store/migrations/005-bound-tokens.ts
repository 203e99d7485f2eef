import type { Knex } from 'knex'

/** Keys and certificates of clients, and the key that a public client's session is bound to. */
export const migration = {
  name: '005_bound_tokens',
  async up(db: Knex): Promise<void> {
    await db.schema.alterTable('clients', table => {
      table.jsonb('jwks').notNullable().defaultTo('[]')
      table.jsonb('certificate_subject')
      table.specificType('certificate_thumbprints', 'text[]').notNullable().defaultTo('{}')
      table.boolean('certificate_bound_tokens').notNullable().defaultTo(false)
      table.boolean('dpop_bound_tokens').notNullable().defaultTo(false)
    })
    await db.schema.alterTable('sessions', table => {
      table.jsonb('confirmation')
    })
  },
  async down(db: Knex): Promise<void> {
    await db.schema.alterTable('sessions', table => {
      table.dropColumn('confirmation')
    })
    await db.schema.alterTable('clients', table => {
      table.dropColumns(
        'jwks',
        'certificate_subject',
        'certificate_thumbprints',
        'certificate_bound_tokens',
        'dpop_bound_tokens'
      )
    })
  }
}
