import type { Knex } from 'knex'
import { AuditOptionsError } from './errors.ts'
import { databaseStore, type AuditStore } from './store.ts'

/** Options that go together; which of them are given is all that matters here. */
interface StoreChoices {
  readonly db?: unknown
  readonly store?: unknown
  readonly route?: unknown
  readonly sealer?: unknown
  readonly checkpoints?: unknown
}

/** Says which of two places the rows go to, and what needs a database. */
export function storeMistakes({ db, store, route, sealer, checkpoints }: StoreChoices): string[] {
  if (db === undefined && store === undefined) return ['db is missing']
  if (db !== undefined && store !== undefined) return ['db and store must not both be given']
  const isWithoutSealer = store !== undefined || sealer === false
  return [
    ...(store !== undefined && typeof route === 'object' ? ['route needs db'] : []),
    ...(isWithoutSealer && typeof checkpoints === 'object' ? ['checkpoints need db and a sealer in this process'] : [])
  ]
}

/** The store that is given, or that of the database. */
export function auditStoreFor({
  db,
  store,
  writeTimeoutMs
}: {
  readonly db?: Knex
  readonly store?: AuditStore
  readonly writeTimeoutMs: number
}): AuditStore {
  if (store !== undefined) return store
  if (db === undefined) throw new AuditOptionsError('db is missing')
  return databaseStore(db, writeTimeoutMs)
}

/** A pool of knex, and no transaction of one. */
export function isPool(value: unknown): boolean {
  return typeof value === 'function' && !('isTransaction' in value && value.isTransaction === true)
}
