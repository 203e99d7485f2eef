import type { StoredSessionOptions } from '@sallyport/authentication'
import { postgresSessionStore, redisSessionStore, type SessionStore } from '@sallyport/authentication/session-stores'
import type { ProcessContext } from '@sallyport/service-process'
import type { RedisCommand } from './open-redis.ts'
import type { GatewaySettings } from './settings.ts'

/** The store of the sessions, with its readiness check. */
export interface OpenSessionStore {
  readonly store: SessionStore
  readonly checks: Readonly<Record<string, () => Promise<void>>>
}

/**
 * Opens the store that the settings name; `null` where sessions are in the cookies. While Redis is away sessions are
 * 503.
 */
export function openSessionStore(
  settings: GatewaySettings,
  context: Pick<ProcessContext, 'database'>,
  redis: RedisCommand | null
): OpenSessionStore | null {
  switch (settings.sessionStore) {
    case 'postgres':
      // The check of the database is the process's own.
      return { store: postgresSessionStore(context.database), checks: {} }
    case 'redis':
      return redis === null ? null : redisSessions(redis)
    default:
      return null
  }
}

function redisSessions(command: RedisCommand): OpenSessionStore {
  return {
    store: redisSessionStore({ command }),
    checks: {
      sessions: async () => {
        await command(['PING'])
      }
    }
  }
}

/** How sessions are kept in a store. */
export function storedSessions(
  {
    sessionIdleSeconds: idleSeconds,
    sessionAbsoluteSeconds: absoluteSeconds,
    refreshLeaseMs: leaseMs
  }: GatewaySettings,
  store: SessionStore
): StoredSessionOptions {
  return { store, idleSeconds, absoluteSeconds, leaseMs }
}
