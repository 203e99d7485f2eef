import type { MonotonicClock } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { AuditOptionsError } from './errors.ts'
import type { JoinHash } from './privacy/join-hash.ts'
import type { TrailPrivacy } from './privacy/privacy-options.ts'
import { createPersonalSealer } from './privacy/seal-personal.ts'
import { databaseStore, type AuditStore } from './store.ts'

interface StoreOptions {
  readonly db?: Knex | undefined
  readonly store?: AuditStore | undefined
  readonly writeTimeoutMs: number
  readonly privacy: Required<TrailPrivacy>
  readonly monotonicClock: MonotonicClock
  readonly ownIssuer?: string | undefined
}

/**
 * The store that was given, or one over the database.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`
 */
export function openAuditStore(options: StoreOptions, joinHash: JoinHash): AuditStore {
  const { db, store, writeTimeoutMs, privacy, monotonicClock, ownIssuer } = options
  if (store !== undefined) return store
  if (db === undefined) throw new AuditOptionsError('db is missing')
  const { keys, dayKeysKeptMs, cacheMs, maxCachedKeys } = privacy
  const ring = keys.map(({ id, key }) => ({ id, key: Buffer.from(key) }))
  const keyOptions = { ring, dayKeysKeptMs, cacheMs, maxCachedKeys, monotonicClock }
  return databaseStore(db, writeTimeoutMs, createPersonalSealer({ ...keyOptions, joinHash, ownIssuer }))
}
