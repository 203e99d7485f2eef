import type { Knex } from 'knex'
import { advisoryLockOf, type RequestIdentity } from './identify-request.ts'

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** As it was sent; `null` for an answer without body. */
  readonly body: string | null
}

/** What is known of a key. */
export interface IdempotencyRecord {
  readonly fingerprint: Buffer
  /** What was begun under the key, in the handler's words. */
  readonly reference: string | null
  /** `null` while what was begun is not finished. */
  readonly answer: KeptAnswer | null
}

interface StoredRecord {
  readonly fingerprint: Buffer
  readonly reference: string | null
  readonly status: number | null
  readonly headers: Readonly<Record<string, string>> | null
  readonly body: string | null
}

const RECORDS_TABLE = 'idempotency_records'

/** The record of a key that has not expired; `null` when there is none. */
export async function findRecord(
  db: Knex,
  { keyHash }: RequestIdentity,
  timeoutMs: number
): Promise<IdempotencyRecord | null> {
  const row: StoredRecord | undefined = await db(RECORDS_TABLE)
    .where({ key_hash: keyHash })
    .whereRaw('expires_at > now()')
    .select('fingerprint', 'reference', 'status', 'headers', 'body')
    .first()
    .timeout(timeoutMs)
  if (row === undefined) return null
  const { fingerprint, reference, status, headers, body } = row
  return { fingerprint, reference, answer: status === null ? null : { status, headers: headers ?? {}, body } }
}

/** Takes the lock of a key until the transaction ends, if nobody has it. Never waits. */
export async function tryLock(trx: Knex, identity: RequestIdentity, timeoutMs: number): Promise<boolean> {
  const { rows } = await trx
    .raw<{
      rows: readonly { readonly locked: boolean }[]
    }>('select pg_try_advisory_xact_lock(?::bigint) as locked', [advisoryLockOf(identity)])
    .timeout(timeoutMs)
  return rows[0]?.locked === true
}

/**
 * Inserts a record without an answer, in the place of an expired one if need be; `false` when the key has a record.
 * Under {@link tryLock}, so that nobody else is inserting it.
 */
export async function insertRecord(
  trx: Knex,
  { keyHash, fingerprint, route, subject }: RequestIdentity,
  reference: string | null,
  { expiresAfterMs, timeoutMs }: { readonly expiresAfterMs: number; readonly timeoutMs: number }
): Promise<boolean> {
  const { rows } = await trx
    .raw<{ rows: readonly unknown[] }>(
      `
    insert into idempotency_records as r (key_hash, fingerprint, route, subject, reference, expires_at)
    values (?, ?, ?, ?, ?, now() + ? * interval '1 ms')
    on conflict (key_hash) do update set fingerprint = excluded.fingerprint, route = excluded.route,
      subject = excluded.subject, reference = excluded.reference, status = null, headers = null, body = null,
      created_at = now(), expires_at = excluded.expires_at
    where r.expires_at <= now()
    returning 1`,
      [keyHash, fingerprint, route, subject, reference, expiresAfterMs]
    )
    .timeout(timeoutMs)
  return rows.length === 1
}

/** Adds the answer to a record that has none. One that is answered already stays as it is. */
export async function insertAnswer(
  trx: Knex,
  { keyHash, fingerprint }: RequestIdentity,
  { status, headers, body }: KeptAnswer,
  timeoutMs: number
): Promise<void> {
  await trx(RECORDS_TABLE)
    .where({ key_hash: keyHash, fingerprint, status: null })
    .update({ status, headers: JSON.stringify(headers), body })
    .timeout(timeoutMs)
}

/**
 * Deletes a batch of expired records. One that somebody is renewing is left to a later run.
 * @returns how many were deleted
 */
export async function deleteExpired(db: Knex, limit: number): Promise<number> {
  return await db(RECORDS_TABLE)
    .whereIn(
      'key_hash',
      db(RECORDS_TABLE)
        .select('key_hash')
        .whereRaw('expires_at <= now()')
        .orderBy('expires_at')
        .limit(limit)
        .forUpdate()
        .skipLocked()
    )
    .whereRaw('expires_at <= now()')
    .delete()
}
