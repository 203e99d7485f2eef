import { namedMigrations, type NamedMigrations, errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { AuditRoles } from './audit-roles.ts'
import { addHolds, dropHolds } from './hold/migrate-holds.ts'
import { addCheckpoints, dropCheckpoints } from './migrate-checkpoints.ts'
import { addAskedByIndexes, addOrderedIndexes, addRareIndexes } from './migrate-indexes.ts'
import { addPersonKeys, dropPersonKeys, VERSION_3_COLUMNS } from './migrate-privacy.ts'
import { addMarks, dropMarks } from './migrate-prunings.ts'
import { addPersonsOfIssuers } from './privacy/migrate-persons.ts'
import { addPushes, dropPushes } from './push/migrate-push.ts'
import { addSpans } from './search/migrate-spans.ts'

/**
 * The audit tables and their grants, as a knex migration source with fixed names, to be run by their owner:
 * `db.migrate.latest(config)` with `{ migrationSource: source, tableName }`. A migration is frozen once it is released:
 * it says in full what it does, and uses no code that can change.
 */
export function auditMigrations(roles: AuditRoles): NamedMigrations<Knex.Migration> {
  return namedMigrations<Knex.Migration>('audit_migrations', {
    '0001-audit-tables': { up: createAuditTables, down: dropAuditTables },
    '0002-audit-grants': { up: db => grantByColumn(db, roles), down: async () => {} },
    '0003-audit-record-version-2': { up: db => addVersion2(db, roles), down: dropVersion2 },
    '0004-audit-seal-watermark': { up: db => addWatermark(db, roles), down: dropWatermark },
    '0005-audit-pruning-marks': { up: db => addMarks(db, roles), down: dropMarks },
    '0006-audit-asked-by-indexes': addAskedByIndexes,
    '0007-audit-checkpoints': { up: db => addCheckpoints(db, roles), down: dropCheckpoints },
    '0008-audit-record-version-3': { up: db => addVersion3(db, roles), down: dropPersonKeys },
    '0009-audit-holds': { up: db => addHolds(db, roles), down: dropHolds },
    '0011-audit-rare-indexes': addRareIndexes,
    '0012-audit-ordered-indexes': addOrderedIndexes,
    '0013-audit-spans': addSpans(roles),
    '0014-audit-persons-of-issuers': addPersonsOfIssuers(roles, alterBriefly),
    '0015-audit-push': { up: db => addPushes(db, roles), down: dropPushes }
  })
}

/**
 * `audit_events` is written in the business transaction and never waits for another one. `audit_seals` gives committed
 * rows their place, and repeats the content hash, so that the chain can be proved after old rows are pruned.
 * `transaction_id` lets the sealer find rows that committed late without searching the whole table.
 */
async function createAuditTables(db: Knex): Promise<void> {
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

async function dropAuditTables(db: Knex): Promise<void> {
  for (const table of ['audit_prunings', 'audit_seals', 'audit_events']) await db.raw('drop table ??', [table])
}

/** Inserts are granted by column: only PostgreSQL sets the transaction of a row and the time of its seal. */
async function grantByColumn(db: Knex, { appRole, prunerRole }: AuditRoles): Promise<void> {
  for (const table of ['audit_events', 'audit_seals', 'audit_prunings']) {
    await db.raw('revoke all on ?? from public', [table])
    await db.raw('grant select on ?? to ??, ??', [table, appRole, prunerRole])
  }
  await db.raw(
    `
    grant insert (id, occurred_at, process, action, outcome, reason, subject, issuer, client_id, actor, session_id, token_id_hash,
      resource_type, resource_id, request_id, trace_id, txn, source_address, detail, content_hash) on audit_events to ??`,
    [appRole]
  )
  await db.raw('grant insert (sequence, event_id, content_hash, chain_hash) on audit_seals to ??', [appRole])
  await db.raw('grant delete on audit_events to ??', [prunerRole])
  await db.raw('grant insert (through_sequence, removed) on audit_prunings to ??', [prunerRole])
}

/**
 * A row without a version is of version 1, like rows from before, and those of processes that are not replaced yet. The
 * constraints apply to new rows; old rows satisfy them and are not read to check that.
 */
async function addVersion2(db: Knex, { appRole }: AuditRoles): Promise<void> {
  await alterBriefly(
    db,
    `
    alter table audit_events
      add column version smallint not null default 1,
      add column peer_address text,
      add column name_tried text,
      add column repeats integer not null default 1,
      add constraint audit_events_repeats check (repeats > 0) not valid,
      add constraint audit_events_version_1
        check (version > 1 or (peer_address is null and name_tried is null and repeats = 1)) not valid`
  )
  await db.raw('grant insert (version, peer_address, name_tried, repeats) on audit_events to ??', [appRole])
}

/** Rows of version 2 cannot be proved without their columns, so they must not be there. */
async function dropVersion2(db: Knex): Promise<void> {
  const { rows } = await db.raw<{ rows: unknown[] }>('select from audit_events where version > 1 limit 1')
  if (rows.length > 0) throw new Error('there are audit rows of version 2, which cannot go back to version 1')
  await db.raw(
    'alter table audit_events drop column version, drop column peer_address, drop column name_tried, drop column repeats'
  )
}

async function addVersion3(db: Knex, roles: AuditRoles): Promise<void> {
  await alterBriefly(db, VERSION_3_COLUMNS)
  await addPersonKeys(db, roles)
}

/** With each page of seals the sealer stores the first transaction whose rows may be unsealed. */
async function addWatermark(db: Knex, { appRole }: AuditRoles): Promise<void> {
  await alterBriefly(db, 'alter table audit_seals add column watermark xid8')
  await db.raw('grant insert (watermark) on audit_seals to ??', [appRole])
}

async function dropWatermark(db: Knex): Promise<void> {
  await db.raw('alter table audit_seals drop column watermark')
}

/**
 * Alters a table with constant writes. Its lock waits for transactions under way, and all writers wait behind it. So it
 * waits for a quarter of a second, lets them pass, and tries again, for half a minute.
 */
async function alterBriefly(db: Knex, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await db.transaction(async trx => {
        await trx.raw("set local lock_timeout = '250ms'")
        await trx.raw(statement)
      })
      return
    } catch (error) {
      if (attempt === 60 || !isLockTimeout(error)) throw error
      await db.raw('select pg_sleep(0.25)')
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  return errorCode(error) === '55P03'
}
