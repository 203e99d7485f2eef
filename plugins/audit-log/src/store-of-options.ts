import type { MonotonicClock } from '@sallyport/security-context/mechanics'
import type { ReadOptions } from '@sallyport/security-context/options'
import type { Knex } from 'knex'
import type { RecordRules } from './build-record.ts'
import { AuditOptionsError } from './errors.ts'
import type { trailPrivacy } from './privacy/privacy-options.ts'
import { createPersonalSealer } from './privacy/seal-personal.ts'
import { databaseStore, type AuditStore } from './store.ts'

/** Options that say where rows are kept, and how. */
interface StoreOptions {
  readonly db?: Knex
  readonly store?: AuditStore
  readonly writeTimeoutMs: number
  readonly privacy: ReadOptions<typeof trailPrivacy>
  readonly monotonicClock: MonotonicClock
  readonly ownIssuer?: string
}

/**
 * The store that the options give, or one over their database.
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID`
 */
export function auditStoreFor(options: StoreOptions, { joinHash }: RecordRules): AuditStore {
  const { db, store, writeTimeoutMs, privacy, monotonicClock, ownIssuer } = options
  if (store !== undefined) return store
  if (db === undefined) throw new AuditOptionsError('db is missing')
  const { keys, dayKeysKeptMs, cacheMs, maxCachedKeys } = privacy
  const ring = keys.map(({ id, key }) => ({ id, key: Buffer.from(key) }))
  const keyOptions = { ring, dayKeysKeptMs, cacheMs, maxCachedKeys, monotonicClock }
  const sealer = createPersonalSealer({ ...keyOptions, joinHash, ownIssuer })
  return databaseStore(db, writeTimeoutMs, sealer)
}
