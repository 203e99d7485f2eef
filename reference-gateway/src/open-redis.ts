import type { ProcessContext } from '@sallyport/service-process'
import { createClient } from '@redis/client'

/** Sends one command and gives its reply; rejects at once while there is no connection. */
export type RedisCommand = (args: readonly string[]) => Promise<unknown>

const REDIS_CONNECT_MS = 2000
const RECONNECT_PAUSE_MS = 2000
/** A server that hangs is not asked without end. */
const MOST_WAITING = 1000

/** Connects by itself, again and again; meanwhile nothing waits. */
export function openRedis(url: string, { tls, closeLater }: Pick<ProcessContext, 'tls' | 'closeLater'>): RedisCommand {
  const { protocol } = new URL(url)
  const pause = (retries: number): number => Math.min(50 * 2 ** Math.min(retries, 10), RECONNECT_PAUSE_MS)
  const timing = { connectTimeout: REDIS_CONNECT_MS, reconnectStrategy: pause }
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MOST_WAITING,
    socket: protocol === 'rediss:' ? { ...timing, tls: true, ...(tls !== null && { ca: tls.ca }) } : timing
  })
  // Each failed command says so; the client goes on by itself.
  client.on('error', () => {})
  void client.connect().catch(() => {})
  closeLater(async () => {
    client.destroy()
  })
  return async args => await client.sendCommand(args)
}
