import { namedMigrations, type NamedMigrations } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/**
 * The table of the records and its grants, as a knex migration source with fixed names, to be run by its owner:
 * `db.migrate.latest(config)` with `{ migrationSource: source, tableName }`. A migration is frozen once it is released.
 * @param roles.appRole the running service: reads, writes and deletes records
 */
export function idempotencyMigrations({ appRole }: { readonly appRole: string }): NamedMigrations<Knex.Migration> {
  return namedMigrations<Knex.Migration>('idempotency_migrations', {
    '0001-idempotency-records': { up: db => createRecords(db, appRole), down: dropRecords }
  })
}

/** The key itself is not kept. A record has no answer while what was begun under it is not finished. */
async function createRecords(db: Knex, appRole: string): Promise<void> {
  await db.raw(`
    create table idempotency_records (
      key_hash bytea primary key check (octet_length(key_hash) = 32),
      fingerprint bytea not null check (octet_length(fingerprint) = 32),
      route text not null,
      subject text not null,
      reference text,
      status smallint check (status between 200 and 499),
      headers jsonb,
      body text,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      check ((status is null) = (headers is null)),
      check (status is not null or body is null)
    )`)
  await db.raw('create index idempotency_records_expiry on idempotency_records (expires_at)')
  await db.raw('revoke all on idempotency_records from public')
  await db.raw('grant select, insert, update, delete on idempotency_records to ??', [appRole])
}

async function dropRecords(db: Knex): Promise<void> {
  await db.raw('drop table idempotency_records')
}
