import type { Knex } from 'knex'
import { COLUMNS } from './record.ts'

/** The roles that work with the audit tables; both must exist. The role that migrates owns the tables and is neither. */
export interface AuditRoles {
  /** Role of the running service: may insert and select, nothing else. */
  readonly appRole: string
  /** Role of the retention job: may delete what is sealed and old, and must leave a mark. */
  readonly prunerRole: string
}

/**
 * The audit tables and their grants, as a knex migration source with fixed names, to be run by their owner:
 * `db.migrate.latest(config)` with `{ migrationSource: source, tableName }`.
 */
export function auditMigrations (roles: AuditRoles): { source: Knex.MigrationSource<string>, tableName: string } {
  const migrations: Record<string, Knex.Migration> = {
    '0001-audit-tables': { up: createTables, down: dropTables },
    '0002-audit-grants': { up: db => grant(db, roles), down: async () => {} }
  }
  const source: Knex.MigrationSource<string> = {
    getMigrations: async () => Object.keys(migrations),
    getMigrationName: name => name,
    getMigration: async name => {
      const migration = migrations[name]
      if (migration === undefined) throw new Error(`no migration ${name}`)
      return migration
    }
  }
  return { source, tableName: 'audit_migrations' }
}

/**
 * `audit_events` is written in the business transaction and never waits for another one. `audit_seals` gives committed
 * rows their place; it repeats the content hash, so that the chain can still be proved after old rows are pruned.
 * `transaction_id` lets the sealer find rows that committed late without searching the whole table.
 */
async function createTables (db: Knex): Promise<void> {
  await db.raw(`
    create table audit_events (
      id uuid primary key,
      occurred_at timestamptz not null,
      process text not null,
      action text not null,
      outcome text not null check (outcome in ('success', 'denied', 'failure')),
      reason text, subject text, issuer text, client_id text, actor jsonb, session_id text, token_id_hash text,
      resource_type text, resource_id text, request_id text, trace_id text, txn text, source_address text, detail jsonb,
      content_hash bytea not null check (octet_length(content_hash) = 32),
      transaction_id xid8 not null default pg_current_xact_id()
    )`)
  await db.raw('create index audit_events_transaction on audit_events (transaction_id)')
  await db.raw('create index audit_events_subject on audit_events (subject)')
  await db.raw('create index audit_events_resource on audit_events (resource_type, resource_id)')
  await db.raw('create index audit_events_time on audit_events (occurred_at)')
  await db.raw(`
    create table audit_seals (
      sequence bigint primary key check (sequence > 0),
      event_id uuid not null unique,
      content_hash bytea not null check (octet_length(content_hash) = 32),
      chain_hash bytea not null check (octet_length(chain_hash) = 32),
      sealed_at timestamptz not null default now()
    )`)
  await db.raw(`
    create table audit_prunings (
      id bigint generated always as identity primary key,
      through_sequence bigint not null,
      removed bigint not null,
      pruned_at timestamptz not null default now(),
      pruned_by text not null default current_user
    )`)
}

async function dropTables (db: Knex): Promise<void> {
  for (const table of ['audit_prunings', 'audit_seals', 'audit_events']) await db.raw('drop table ??', [table])
}

/** Inserts are granted by column: nobody but PostgreSQL says which transaction a row came from or when it was sealed. */
async function grant (db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  const columns = [...Object.values(COLUMNS), 'content_hash'].join(', ')
  for (const table of ['audit_events', 'audit_seals', 'audit_prunings']) {
    await db.raw('revoke all on ?? from public', [table])
    await db.raw('grant select on ?? to ??, ??', [table, appRole, prunerRole])
  }
  await db.raw(`grant insert (${columns}) on audit_events to ??`, [appRole])
  await db.raw('grant insert (sequence, event_id, content_hash, chain_hash) on audit_seals to ??', [appRole])
  await db.raw('grant delete on audit_events to ??', [prunerRole])
  await db.raw('grant insert (through_sequence, removed) on audit_prunings to ??', [prunerRole])
}
