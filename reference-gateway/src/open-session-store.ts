import { postgresSessionStore, redisSessionStore, type SessionStore } from '@sallyport/authentication/session-stores'
import type { ProcessContext } from '@sallyport/service-process'
import { createClient } from '@redis/client'
import type { GatewaySettings } from './settings.ts'

/** The store of the sessions, with its readiness check. */
export interface OpenSessionStore {
  readonly store: SessionStore
  readonly checks: Readonly<Record<string, () => Promise<void>>>
}

const REDIS_CONNECT_TIMEOUT_MS = 2000
const LONGEST_RECONNECT_PAUSE_MS = 2000

/** Opens the store that the settings name; `null` where sessions are in the cookies. */
export function openSessionStore(settings: GatewaySettings, context: ProcessContext): OpenSessionStore | null {
  switch (settings.sessionStore) {
    case 'postgres':
      // The check of the database is the process's own.
      return { store: postgresSessionStore(context.database), checks: {} }
    case 'redis':
      return openRedis(settings.redisUrl ?? '', context)
    default:
      return null
  }
}

/** Connects by itself, again and again; meanwhile nothing waits, and sessions are 503. */
function openRedis(url: string, { tls, closeLater }: ProcessContext): OpenSessionStore {
  const { protocol } = new URL(url)
  const pause = (retries: number): number => Math.min(50 * 2 ** Math.min(retries, 10), LONGEST_RECONNECT_PAUSE_MS)
  const timing = { connectTimeout: REDIS_CONNECT_TIMEOUT_MS, reconnectStrategy: pause }
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: protocol === 'rediss:' ? { ...timing, tls: true, ...(tls !== null && { ca: tls.ca }) } : timing
  })
  // Each failed request says so; the client goes on by itself.
  client.on('error', () => {})
  void client.connect().catch(() => {})
  closeLater(async () => {
    client.destroy()
  })
  const command = async (args: readonly string[]): Promise<unknown> => await client.sendCommand(args)
  return {
    store: redisSessionStore({ command }),
    checks: {
      sessions: async () => {
        await command(['PING'])
      }
    }
  }
}
