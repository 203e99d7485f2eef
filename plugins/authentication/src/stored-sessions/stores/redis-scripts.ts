/** The fields of a session that a script gives back, in this order; what a session does not have is missing. */
export const REDIS_FIELDS = Object.freeze([
  'id',
  'issuer',
  'subject',
  'issuerSessionId',
  'createdAtMs',
  'lastUsedAtMs',
  'expiresAtMs',
  'sealed',
  'version',
  'holder',
  'untilMs',
  'data',
  'dataVersion'
] as const)

const FIELDS = REDIS_FIELDS.map(name => `'${name}'`).join(', ')
/** Times and versions stay text where they are only kept: Lua would write a large number in another form. */
const PRELUDE = `
local function fieldsOf(key) return redis.call('HMGET', key, ${FIELDS}) end
local function isLive(key, now)
  local expires = redis.call('HGET', key, 'expiresAtMs')
  return expires and tonumber(expires) > tonumber(now)
end
local function outlive(key, ms)
  if redis.call('PTTL', key) < tonumber(ms) then redis.call('PEXPIRE', key, ms) end
end
local function indexesOf(key) return redis.call('HMGET', key, 'ownerKey', 'issuerSessionKey') end
`

/** ARGV: what KEYS[1] is, a version or '', a subject or ''. */
const END = `
local keys = { KEYS[1] }
if ARGV[1] == 'index' then keys = redis.call('SMEMBERS', KEYS[1]) end
local ended = {}
for _, key in ipairs(keys) do
  local id, subject, version = unpack(redis.call('HMGET', key, 'id', 'subject', 'version'))
  if id and (ARGV[2] == '' or version == ARGV[2]) and (ARGV[3] == '' or subject == ARGV[3]) then
    ended[#ended + 1] = fieldsOf(key)
    for _, index in ipairs(indexesOf(key)) do if index then redis.call('SREM', index, key) end end
    redis.call('DEL', key)
  end
end`

/** Each step of the store as one script, by its name. `KEYS[1]` is the session, or an index of sessions. */
export const REDIS_SCRIPTS = Object.freeze({
  // ARGV: time to live, then the fields with their values. KEYS: after the session its indexes.
  create: `${PRELUDE}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
for at = 2, #KEYS do
  for _, other in ipairs(redis.call('SMEMBERS', KEYS[at])) do
    if redis.call('EXISTS', other) == 0 then redis.call('SREM', KEYS[at], other) end
  end
  redis.call('SADD', KEYS[at], KEYS[1])
  outlive(KEYS[at], ARGV[1])
end
return 1`,
  // ARGV: now
  find: `${PRELUDE}
if isLive(KEYS[1], ARGV[1]) then return { fieldsOf(KEYS[1]) } end
return {}`,
  // ARGV: now, last use, expiry, time to live
  touch: `${PRELUDE}
if not isLive(KEYS[1], ARGV[1]) then return 0 end
for name, value in pairs({ lastUsedAtMs = ARGV[2], expiresAtMs = ARGV[3] }) do
  if tonumber(redis.call('HGET', KEYS[1], name)) < tonumber(value) then redis.call('HSET', KEYS[1], name, value) end
end
outlive(KEYS[1], ARGV[4])
for _, index in ipairs(indexesOf(KEYS[1])) do if index then outlive(index, ARGV[4]) end end
return 1`,
  // ARGV: now, version, holder, until
  takeLease: `${PRELUDE}
if not isLive(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return 0 end
local untilMs = redis.call('HGET', KEYS[1], 'untilMs')
if untilMs and tonumber(untilMs) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'holder', ARGV[3], 'untilMs', ARGV[4])
return 1`,
  // ARGV: holder
  releaseLease: `
if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder', 'untilMs') end
return 1`,
  // ARGV: now, version, tokens
  replaceTokens: `${PRELUDE}
if not isLive(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'sealed', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HDEL', KEYS[1], 'holder', 'untilMs')
return 1`,
  // ARGV: now, version of the data, the data or nothing
  replaceData: `${PRELUDE}
if not isLive(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'dataVersion') ~= ARGV[2] then return 0 end
if ARGV[3] then redis.call('HSET', KEYS[1], 'data', ARGV[3]) else redis.call('HDEL', KEYS[1], 'data') end
redis.call('HINCRBY', KEYS[1], 'dataVersion', 1)
return 1`,
  end: `${PRELUDE}${END}
return ended`,
  // KEYS[2]: the use. ARGV: those of an end, then now, until, time to live. An error in the middle leaves it unused.
  endOnce: `${PRELUDE}
local untilMs = redis.call('GET', KEYS[2])
if untilMs and tonumber(untilMs) > tonumber(ARGV[4]) then return 0 end
${END}
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
return ended`,
  // ARGV: now
  list: `${PRELUDE}
local found = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if isLive(key, ARGV[1]) then found[#found + 1] = fieldsOf(key) end
end
return found`
})

/** The name of a script. */
export type RedisScript = keyof typeof REDIS_SCRIPTS
