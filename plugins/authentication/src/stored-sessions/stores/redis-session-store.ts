import { createHash } from 'node:crypto'
import type { EndedBy, LeaseRequest, SessionOwner, SessionStore, StoredSession } from '../session-store.ts'
import { REDIS_FIELDS, REDIS_SCRIPTS, type RedisScript } from './redis-scripts.ts'

/** How {@link redisSessionStore} reaches its server. */
export interface RedisSessionStoreOptions {
  /**
   * Sends one command and gives its reply, text as strings; rejects when there is none.
   * @example args => client.sendCommand(args) // of @redis/client
   */
  readonly command: (args: readonly string[]) => Promise<unknown>
  /**
   * In front of every key; its hash tag keeps all of them in one slot of a cluster, where scripts need them.
   * @default 'sallyport:{sessions}:'
   */
  readonly prefix?: string
}

/** What is over is not found anyway; this only keeps clocks that differ from removing what is not. */
const EXPIRY_SLACK_MS = 60_000

/**
 * Keeps sessions in Redis 6 or later, each step one script. A server without persistence loses its sessions when it
 * restarts, and a failover loses what the replica had not got yet: with a refresh among it that session is over.
 * @throws {RangeError} when the prefix has no hash tag
 */
export function redisSessionStore({
  command,
  prefix = 'sallyport:{sessions}:'
}: RedisSessionStoreOptions): SessionStore {
  if (!/\{[^{}]+\}/.test(prefix)) throw new RangeError('prefix must have a hash tag, such as {sessions}')
  const sessionKey = (id: string): string => `${prefix}session:${id}`
  const ownerKey = ({ issuer, subject }: SessionOwner): string => `${prefix}owner:${keyDigest(issuer, subject)}`
  const issuerSessionKey = (issuer: string, id: string): string => `${prefix}issuer-session:${keyDigest(issuer, id)}`

  async function run(script: RedisScript, keys: readonly string[], args: ReadonlyArray<string | number>) {
    return await command(['EVAL', REDIS_SCRIPTS[script], String(keys.length), ...keys, ...args.map(String)])
  }

  async function decides(...call: Parameters<typeof run>): Promise<boolean> {
    return Number(await run(...call)) === 1
  }

  /** Where sessions that end are found: one, or an index of sessions; and what they have to have. */
  function whereEnded(by: EndedBy): { readonly key: string; readonly args: readonly string[] } {
    switch (by.kind) {
      case 'session':
        return { key: sessionKey(by.id), args: ['session', '', ''] }
      case 'version':
        return { key: sessionKey(by.id), args: ['session', String(by.version), ''] }
      case 'owner':
        return { key: ownerKey(by), args: ['index', '', ''] }
      case 'issuer-session':
        return { key: issuerSessionKey(by.issuer, by.issuerSessionId), args: ['index', '', by.subject ?? ''] }
    }
  }

  return {
    async create(session, nowMs) {
      const { issuer, issuerSessionId } = session
      const indexes = {
        ownerKey: ownerKey(session),
        ...(issuerSessionId !== null && { issuerSessionKey: issuerSessionKey(issuer, issuerSessionId) })
      }
      const fields = Object.entries({ ...fieldsOfSession(session), ...indexes }).flat()
      const keys = [sessionKey(session.id), ...Object.values(indexes)]
      const isNew = await decides('create', keys, [lifeMs(session.expiresAtMs, nowMs), ...fields])
      if (!isNew) throw new Error('There is a session with this id')
    },
    find: async (id, nowMs) => sessionsOfReply(await run('find', [sessionKey(id)], [nowMs]))[0] ?? null,
    async touch({ id, lastUsedAtMs, expiresAtMs }, nowMs) {
      await run('touch', [sessionKey(id)], [nowMs, lastUsedAtMs, expiresAtMs, lifeMs(expiresAtMs, nowMs)])
    },
    takeLease: async request => await decides('takeLease', [sessionKey(request.id)], leaseArguments(request)),
    async releaseLease(id, holder) {
      await run('releaseLease', [sessionKey(id)], [holder])
    },
    replaceTokens: async ({ id, version, sealed, nowMs }) =>
      await decides('replaceTokens', [sessionKey(id)], [nowMs, version, sealed]),
    replaceData: async ({ id, dataVersion, data, nowMs }) =>
      await decides('replaceData', [sessionKey(id)], [nowMs, dataVersion, ...(data === null ? [] : [data])]),
    async end(by) {
      const { key, args } = whereEnded(by)
      return sessionsOfReply(await run('end', [key], args))
    },
    async endOnce(by, { key: used, nowMs, untilMs }) {
      const { key, args } = whereEnded(by)
      const times = [nowMs, untilMs, lifeMs(untilMs, nowMs)]
      const reply = await run('endOnce', [key, `${prefix}use:${keyDigest(used)}`], [...args, ...times])
      return Array.isArray(reply) ? sessionsOfReply(reply) : null
    },
    async listOfOwner(owner, nowMs, limit) {
      const sessions = sessionsOfReply(await run('list', [ownerKey(owner)], [nowMs]))
      return sessions.sort((one, other) => other.lastUsedAtMs - one.lastUsedAtMs).slice(0, limit)
    },
    // Redis removes what has expired by itself.
    removeExpired: async () => 0
  }
}

/** Texts from outside as a key of one length; what parts them is in none of them. */
function keyDigest(...texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64url')
}

const lifeMs = (untilMs: number, nowMs: number): number => Math.max(untilMs - nowMs, 0) + EXPIRY_SLACK_MS

const leaseArguments = ({ nowMs, version, holder, untilMs }: LeaseRequest) => [nowMs, version, holder, untilMs]

function fieldsOfSession({ lease, ...session }: StoredSession): Record<string, string> {
  const values = Object.entries({ ...session, ...lease }).filter(([, value]) => value !== null)
  return Object.fromEntries(values.map(([name, value]) => [name, String(value)]))
}

/** @throws {TypeError} when the reply is no list of sessions */
function sessionsOfReply(reply: unknown): StoredSession[] {
  if (!Array.isArray(reply)) throw new TypeError('The reply of Redis is no list')
  return reply.map((fields: unknown) => {
    if (!Array.isArray(fields) || fields.length !== REDIS_FIELDS.length) {
      throw new TypeError('The reply of Redis is no session')
    }
    const texts = new Map(REDIS_FIELDS.map((name, at) => [name, textOrNull(fields[at])]))
    const text = (name: (typeof REDIS_FIELDS)[number]): string => texts.get(name) ?? ''
    const number = (name: (typeof REDIS_FIELDS)[number]): number => Number(text(name))
    return Object.freeze({
      id: text('id'),
      issuer: text('issuer'),
      subject: text('subject'),
      issuerSessionId: texts.get('issuerSessionId') ?? null,
      createdAtMs: number('createdAtMs'),
      lastUsedAtMs: number('lastUsedAtMs'),
      expiresAtMs: number('expiresAtMs'),
      sealed: text('sealed'),
      version: number('version'),
      lease: texts.get('holder') == null ? null : { holder: text('holder'), untilMs: number('untilMs') },
      data: texts.get('data') ?? null,
      dataVersion: number('dataVersion')
    })
  })
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
