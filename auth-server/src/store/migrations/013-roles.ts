import type { Knex } from 'knex'

/** Roles as rows of their own. Those that users have and scopes ask for are there from the start. */
export const migration = {
  name: '013_roles',
  async up(db: Knex): Promise<void> {
    await db.schema.createTable('roles', table => {
      table.text('name').primary()
      table.jsonb('descriptions').notNullable().defaultTo('{}')
      table.integer('version').notNullable().defaultTo(1)
      table.timestamp('disabled_at')
    })
    await db.raw(`insert into roles (name)
      select role from user_roles union select required_role from scopes where required_role is not null`)
    await db.schema.alterTable('user_roles', table => {
      table.foreign('role').references('roles.name')
      // Whoever disables or deletes a role looks for those who have it.
      table.index('role')
    })
  },
  async down(db: Knex): Promise<void> {
    // The earlier version would give them back to those who have them.
    await db.raw('delete from user_roles where role in (select name from roles where disabled_at is not null)')
    await db.schema.alterTable('user_roles', table => {
      table.dropForeign('role')
      table.dropIndex('role')
    })
    await db.schema.dropTable('roles')
  }
}
