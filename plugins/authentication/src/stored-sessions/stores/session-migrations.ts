import { namedMigrations, type NamedMigrations } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/**
 * The tables of {@link postgresSessionStore} and their grants, as a knex migration source with fixed names, to be run
 * by their owner: `db.migrate.latest(config)` with `{ migrationSource: source, tableName }`. A migration is frozen once
 * it is released.
 * @param roles.appRole the running app: reads, writes and deletes sessions
 */
export function sessionMigrations({ appRole }: { readonly appRole: string }): NamedMigrations<Knex.Migration> {
  return namedMigrations<Knex.Migration>('login_session_migrations', {
    '0001-login-sessions': { up: db => createSessions(db, appRole), down: dropSessions }
  })
}

async function createSessions(db: Knex, appRole: string): Promise<void> {
  await db.raw(`
    create table login_sessions (
      id text primary key check (length(id) <= 64),
      issuer text not null,
      subject text not null,
      issuer_session_id text,
      created_at_ms bigint not null,
      last_used_at_ms bigint not null,
      expires_at_ms bigint not null,
      sealed text not null,
      version integer not null check (version >= 1),
      lease_holder text,
      lease_until_ms bigint,
      data text,
      data_version integer not null default 0 check (data_version >= 0),
      check ((lease_holder is null) = (lease_until_ms is null))
    )`)
  await db.raw('create index login_sessions_owner on login_sessions (issuer, subject)')
  await db.raw('create index login_sessions_issuer_session on login_sessions (issuer, issuer_session_id)')
  await db.raw('create index login_sessions_expiry on login_sessions (expires_at_ms)')
  await db.raw('create table login_session_uses (key text primary key, until_ms bigint not null)')
  await db.raw('create index login_session_uses_end on login_session_uses (until_ms)')
  for (const table of ['login_sessions', 'login_session_uses']) {
    await db.raw('revoke all on ?? from public', [table])
    await db.raw('grant select, insert, update, delete on ?? to ??', [table, appRole])
  }
}

async function dropSessions(db: Knex): Promise<void> {
  await db.raw('drop table login_sessions')
  await db.raw('drop table login_session_uses')
}
