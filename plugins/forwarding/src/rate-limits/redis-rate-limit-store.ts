import { createHash } from 'node:crypto'
import { standingsOf, type RateLimitStore } from './rate-limit-store.ts'

/** How {@link redisRateLimitStore} reaches its server. */
export interface RedisRateLimitStoreOptions {
  /**
   * Sends one command and gives its reply; rejects when there is none.
   * @example args => client.sendCommand(args) // of @redis/client
   */
  readonly command: (args: readonly string[]) => Promise<unknown>
  /**
   * In front of every key; its hash tag keeps all of them in one slot of a cluster, where one script needs them.
   * @default 'sallyport:{limits}:'
   */
  readonly prefix?: string
}

/**
 * Counts a request in every key, or in none. By the clock of the server, so that those of the processes need not agree.
 * Replies with what was counted before it: `previous`, `current` and `elapsedMs` of each key.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fits, reply, writes = true, {}, {}
for place, key in ipairs(KEYS) do
  local quota, window = tonumber(ARGV[place * 2 - 1]), tonumber(ARGV[place * 2])
  local elapsed = now % window
  local start = now - elapsed
  local kept = redis.call('HMGET', key, 'start', 'previous', 'current')
  local keptStart, previous, current = tonumber(kept[1]) or -1, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
  if keptStart == start - window then previous, current = current, 0
  elseif keptStart ~= start then previous, current = 0, 0 end
  if previous * (window - elapsed) + (current + 1) * window > quota * window then fits = false end
  reply[#reply + 1] = previous
  reply[#reply + 1] = current
  reply[#reply + 1] = elapsed
  writes[place] = { key, start, previous, current + 1, window * 2 - elapsed }
end
if fits then
  for _, write in ipairs(writes) do
    redis.call('HSET', write[1], 'start', string.format('%.0f', write[2]), 'previous', write[3], 'current', write[4])
    redis.call('PEXPIRE', write[1], string.format('%.0f', write[5]))
  end
end
return reply`

/**
 * Counts in Redis 6 or later, for all processes that use it: each request is one script. A key is a digest, so that
 * nobody who reads Redis learns who calls.
 * @throws {RangeError} when the prefix has no hash tag
 */
export function redisRateLimitStore({
  command,
  prefix = 'sallyport:{limits}:'
}: RedisRateLimitStoreOptions): RateLimitStore {
  if (!/\{[^{}]+\}/.test(prefix)) throw new RangeError('prefix must have a hash tag, such as {limits}')
  const redisKey = (key: string): string => prefix + createHash('sha256').update(key).digest('base64url')
  return {
    async take(takes) {
      const keys = takes.map(({ key }) => redisKey(key))
      const args = takes.flatMap(({ quota, windowMs }) => [String(quota), String(windowMs)])
      const reply = await command(['EVAL', TAKE, String(keys.length), ...keys, ...args])
      const numbers = Array.isArray(reply) ? reply.map(Number) : []
      if (numbers.length !== takes.length * 3 || !numbers.every(Number.isFinite)) {
        throw new TypeError('The reply of Redis is no count')
      }
      const counts = takes.map((_take, place) => {
        const [previous = 0, current = 0, elapsedMs = 0] = numbers.slice(place * 3, place * 3 + 3)
        return { previous, current, elapsedMs }
      })
      return standingsOf(takes, counts)
    }
  }
}
