import { migrateService, namedMigrations, type DomainTables, type ServiceRoles } from '@sallyport/service-kit'
import type { Knex } from 'knex'

/** A version is written once: the running service cannot change or remove one. */
const configurationTables: DomainTables = {
  migrations: namedMigrations('configuration_migrations', {
    '0001-configurations': { up: createConfigurations, down: dropConfigurations }
  }),
  grants: {
    configurations: ['select', 'insert', 'update'],
    configuration_versions: ['select', 'insert'],
    configuration_secrets: ['select', 'insert'],
    configuration_changes: ['select', 'insert']
  }
}

/**
 * Makes the tables of configuration-server, its audit trail and access control lists, and grants the app role its
 * rights.
 * @param db pool of the database's owner
 */
export async function migrate(db: Knex, roles: ServiceRoles): Promise<void> {
  await migrateService(db, roles, configurationTables)
  // Encrypting again under a newer key changes how a secret is kept, never which secret it is: these columns only.
  await db.raw('grant update (key_id, sealed) on configuration_secrets to ??', [roles.appRole])
}

async function createConfigurations(db: Knex): Promise<void> {
  const name = 'text not null check (char_length(@) <= 64)'
  const key = ['application', 'profile', 'label'].map(column => `${column} ${name.replace('@', column)}`).join(', ')
  await db.raw(`
    create table configurations (${key}, version integer not null check (version > 0),
      primary key (application, profile, label)
    )`)
  // Text and not jsonb, which refuses U+0000 and changes numbers: what is read is what was written.
  await db.raw(`
    create table configuration_versions (${key}, version integer not null,
      plain_values text not null,
      restored_version integer,
      author text not null,
      created_at timestamptz not null default now(),
      primary key (application, profile, label, version),
      foreign key (application, profile, label) references configurations
    )`)
  await db.raw(`
    create table configuration_secrets (${key}, version integer not null,
      name text not null,
      key_id text not null,
      sealed bytea not null,
      primary key (application, profile, label, version, name),
      foreign key (application, profile, label, version) references configuration_versions
    )`)
  await db.raw(`
    create table configuration_changes (
      change_id bigint generated always as identity primary key, ${key}, version integer not null
    )`)
  await db.raw(
    'create index configuration_changes_of_one on configuration_changes (application, profile, label, change_id)'
  )
}

async function dropConfigurations(db: Knex): Promise<void> {
  for (const table of ['changes', 'secrets', 'versions']) await db.raw('drop table ??', [`configuration_${table}`])
  await db.raw('drop table configurations')
}
