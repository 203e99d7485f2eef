import { namedMigrations, type NamedMigrations } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { ACL_TABLE } from './acl.ts'

/**
 * The migrations of the access control list. Names are fixed, so that knex treats a database migrated from source and
 * one migrated from the published package alike.
 * @param options.appRole database role of the service: it may read, add and remove entries, and nothing else
 */
export function aclMigrations(options: { readonly appRole: string }): NamedMigrations<Knex.Migration> {
  return namedMigrations<Knex.Migration>('acl_migrations', {
    '001-acl-entries': {
      async up(db) {
        await db.raw(
          `create table ?? (
            issuer text not null,
            subject text not null check (subject <> ''),
            resource_type text not null,
            resource_id text not null,
            permission text not null,
            primary key (subject, resource_type, permission, resource_id, issuer)
          )`,
          [ACL_TABLE]
        )
        await db.raw('grant select, insert, delete on ?? to ??', [ACL_TABLE, options.appRole])
      },
      async down(db) {
        await db.schema.dropTable(ACL_TABLE)
      }
    }
  })
}
