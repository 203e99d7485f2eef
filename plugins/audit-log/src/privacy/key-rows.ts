import type { Knex } from 'knex'
import { withConnection } from '../connection.ts'
import type { Rows } from '../seal-pending.ts'
import type { StoredKey } from './wrap-key.ts'

/** Runs statements on one place: a transaction of the caller, or a connection of the pool for each. */
export interface KeyStatements {
  readonly run: <Row>(sql: string, bindings: Readonly<Record<string, unknown>>) => Promise<Row[]>
  /** Whether what was written can still be rolled back. */
  readonly isTransaction: boolean
}

/** Statements in the transaction of a caller. */
export function statementsWithin(trx: Knex, timeoutMs: number): KeyStatements {
  return {
    run: async <Row>(sql: string, bindings: Readonly<Record<string, unknown>>) =>
      (await trx.raw<Rows<Row>>(sql, bindings as Knex.ValueDict).timeout(timeoutMs)).rows,
    isTransaction: trx.isTransaction === true
  }
}

/** Statements by themselves. */
export function statementsOf(db: Knex, timeoutMs: number): KeyStatements {
  return {
    run: async <Row>(sql: string, bindings: Readonly<Record<string, unknown>>) =>
      await withConnection(
        db,
        timeoutMs,
        async connection => (await db.raw<Rows<Row>>(sql, bindings as Knex.ValueDict).connection(connection)).rows
      ),
    isTransaction: false
  }
}

/** Whose key: a subject of an issuer, or everybody without one on a day of UTC. */
export interface KeyOwner {
  readonly subject: string | null
  /** `null`: the trail's own, or a day. */
  readonly issuer: string | null
  /** `YYYY-MM-DD`; `null` for a subject. */
  readonly day: string | null
}

/** What the table has of an owner. */
export interface OwnerRow extends KeyOwner {
  readonly id: string | null
  readonly wrappedBy: string | null
  readonly wrapped: Buffer | null
  readonly committed: boolean
  /** When the person was erased last, in the form of records. */
  readonly erasedAt: string | null
}

const KEYS_OF_OWNERS = `
  select coalesce(o.subject, o.issuer_subject) as subject, o.issuer, o.day::text as day, k.id, k.wrapped_by as "wrappedBy", k.wrapped,
    k.transaction_id is distinct from pg_current_xact_id_if_assigned() as committed,
    to_char(e.erased_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "erasedAt"
  from unnest(:subjects::text[], :issuers::text[], :others::text[], :days::date[])
    as o (subject, issuer, issuer_subject, day)
  left join audit_person_keys k
    on k.subject = o.subject or k.day = o.day or (k.issuer = o.issuer and k.issuer_subject = o.issuer_subject)
  left join lateral (
    select max(erased_at) as erased_at from audit_erasures
    where subject = o.subject or (issuer = o.issuer and issuer_subject = o.issuer_subject)
  ) e on true
  order by k.created_at, k.id`

/** The keys of these owners, the oldest of each first; a row without a key where there is none. */
export async function readOwnerKeys({ run }: KeyStatements, owners: readonly KeyOwner[]): Promise<OwnerRow[]> {
  return await run<OwnerRow>(KEYS_OF_OWNERS, ownerColumns(owners))
}

/** The columns of owners: a subject of another issuer stands apart. */
function ownerColumns(owners: readonly KeyOwner[]): Record<string, (string | null)[]> {
  return {
    subjects: owners.map(({ subject, issuer }) => (issuer === null ? subject : null)),
    issuers: owners.map(({ issuer }) => issuer),
    others: owners.map(({ subject, issuer }) => (issuer === null ? null : subject)),
    days: owners.map(({ day }) => day)
  }
}

/** Stores new keys. */
export async function insertKeys(
  { run }: KeyStatements,
  keys: readonly (StoredKey & KeyOwner & { readonly expiresAt: Date | null })[]
): Promise<void> {
  await run(
    `insert into audit_person_keys (id, subject, issuer, issuer_subject, day, wrapped_by, wrapped, expires_at)
    select * from unnest(:ids::uuid[], :subjects::text[], :issuers::text[], :others::text[], :days::date[],
      :wrappers::text[], :wrapped::bytea[], :expiries::timestamptz[])`,
    {
      ids: keys.map(({ id }) => id),
      ...ownerColumns(keys),
      wrappers: keys.map(({ wrappedBy }) => wrappedBy),
      wrapped: keys.map(({ wrapped }) => wrapped),
      expiries: keys.map(({ expiresAt }) => expiresAt?.toISOString() ?? null)
    }
  )
}

/** Says that rows sealed under a key have a value, by its keyed hash. */
export interface Lookup {
  readonly token: string
  readonly keyId: string
  readonly tag: string
}

/** What became of a lookup. */
export interface LookupRow extends Lookup {
  /** The key still exists. */
  readonly alive: boolean
  /** It was there before, committed. */
  readonly recorded: boolean
}

/** Stores lookups that are not there yet. One whose key is destroyed is not stored. */
export async function insertLookups({ run }: KeyStatements, lookups: readonly Lookup[]): Promise<LookupRow[]> {
  return await run<LookupRow>(
    `with wanted as (select * from unnest(:tokens::text[], :ids::uuid[], :tags::text[]) as w (token, key_id, tag)),
    found as (
      select w.*, exists (select from audit_person_keys k where k.id = w.key_id) as alive, l.written, l.recorded
      from wanted w left join lateral (
        select count(*) > 0 as written,
          coalesce(bool_or(transaction_id is distinct from pg_current_xact_id_if_assigned()), false) as recorded
        from audit_lookups where token = w.token and key_id = w.key_id
      ) l on true
    ),
    added as (
      insert into audit_lookups (token, key_id, tag)
      select token, key_id, tag from found where alive and not written
    )
    select token, key_id as "keyId", tag, alive, recorded
    from found`,
    {
      tokens: lookups.map(({ token }) => token),
      ids: lookups.map(({ keyId }) => keyId),
      tags: lookups.map(({ tag }) => tag)
    }
  )
}
