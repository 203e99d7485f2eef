/**
 * Stores of sessions, and what any other one is held to: import them from `@sallyport/authentication/session-stores`.
 */
export type {
  EndedBy,
  LeaseRequest,
  RefreshLease,
  SessionOwner,
  SessionStore,
  SingleUse,
  StoredSession
} from './session-store.ts'
export { SESSION_STORE_CHECKS, type SessionStoreCheck } from './checks/index.ts'
export { memorySessionStore, type MemorySessionStoreOptions } from './stores/memory-session-store.ts'
export { postgresSessionStore, type PostgresSessionStoreOptions } from './stores/postgres-session-store.ts'
export { redisSessionStore, type RedisSessionStoreOptions } from './stores/redis-session-store.ts'
export { sessionMigrations } from './stores/session-migrations.ts'
