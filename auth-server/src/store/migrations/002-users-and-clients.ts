import type { Knex } from 'knex'

const UUID_CHECK = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'

/** Who can ask for tokens: users with roles, clients with secrets, and the scopes of each audience. */
export const migration = {
  name: '002_users_and_clients',
  async up(db: Knex): Promise<void> {
    await db.schema.createTable('users', table => {
      table.uuid('id').primary()
      table.text('username').notNullable().unique()
      table.text('password_hash').notNullable()
      table.timestamp('created_at').notNullable()
      table.timestamp('password_changed_at').notNullable()
      table.timestamp('disabled_at')
    })
    await db.schema.createTable('user_roles', table => {
      table.uuid('user_id').notNullable().references('users.id').onDelete('CASCADE')
      table.text('role').notNullable()
      table.primary(['user_id', 'role'])
    })
    await db.schema.createTable('scopes', table => {
      table.text('name').notNullable()
      table.text('audience').notNullable()
      table.text('required_role')
      table.primary(['name', 'audience'])
    })
    await createClients(db)
    await db.schema.createTable('login_attempts', table => {
      table.text('key').primary()
      table.integer('failures').notNullable()
      table.timestamp('last_failed_at').notNullable()
      table.timestamp('blocked_until')
    })
  },
  async down(db: Knex): Promise<void> {
    for (const table of ['login_attempts', 'client_secrets', 'clients', 'scopes', 'user_roles', 'users']) {
      await db.schema.dropTable(table)
    }
  }
}

async function createClients(db: Knex): Promise<void> {
  await db.schema.createTable('clients', table => {
    table.text('id').primary()
    table.text('name').notNullable()
    table.boolean('confidential').notNullable()
    table.specificType('authentication_methods', 'text[]').notNullable()
    table.specificType('grant_types', 'text[]').notNullable()
    table.specificType('scopes', 'text[]').notNullable()
    table.text('own_audience')
    table.text('default_audience')
    table.specificType('audiences', 'text[]').notNullable()
    table.text('access_token_format').notNullable()
    table.specificType('redirect_uris', 'text[]').notNullable()
    table.text('status_list_id').notNullable()
    table.integer('status_index').notNullable()
    table.timestamp('created_at').notNullable()
    table.timestamp('disabled_at')
    table.foreign(['status_list_id', 'status_index']).references(['list_id', 'index']).inTable('status_indexes')
  })
  await db.raw(
    "alter table clients add constraint access_token_format_known check (access_token_format in ('jwt', 'opaque'))"
  )
  // A client's subject is its id, a user's a UUID: neither can ever be taken for the other.
  await db.raw(`alter table clients add constraint id_is_no_user_id check (id !~* '${UUID_CHECK}')`)
  await db.schema.createTable('client_secrets', table => {
    table.uuid('id').primary()
    table.text('client_id').notNullable().references('clients.id').onDelete('CASCADE')
    table.binary('hash').notNullable()
    table.timestamp('created_at').notNullable()
    table.timestamp('expires_at')
    table.index('client_id')
  })
}
