import type { TokenClient } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import {
  customOption,
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  Type,
  type Static
} from '@sallyport/security-context/options'
import { storedSessionOptions, type StoredSessionOptions } from '../stored-sessions/options.ts'

/** One key of the sealing key ring. */
export interface SealingKey {
  /** 1 to 32 letters, digits, `-` or `_`; written in clear into every cookie it seals. */
  readonly id: string
  /** 32 random bytes. */
  readonly key: Uint8Array
}

/** Options of the session strategy and its routes. */
export interface SessionOptions {
  /** Logs in, refreshes and revokes. */
  readonly tokenClient: TokenClient
  /**
   * Key ring, newest first: the first key seals, every key unseals. All replicas share it. To rotate, add the new key
   * at the end on every replica, then put it in front, then take the old one out once the sessions that it sealed have
   * been refreshed or have ended. A function: it may change.
   * @example parseSealingKeys(process.env.SESSION_KEYS)
   */
  readonly keys: readonly SealingKey[] | (() => readonly SealingKey[])
  /**
   * With `strict`, the user arrives from a link on another site as if logged out.
   * @default 'lax'
   */
  readonly sameSite?: 'lax' | 'strict'
  /** How long the browser keeps the cookies, in seconds. Left out: until it is closed. */
  readonly cookieMaxAgeSeconds?: number
  /**
   * The cookies are called `__Host-<prefix>-access` and `__Host-<prefix>-refresh`, and without `__Host-` with
   * `insecureLoopback`. Changing it logs everybody out.
   * @default 'sallyport'
   */
  readonly cookiePrefix?: string
  /**
   * With the value `1` it proves that a request by cookie comes from no foreign page, for clients that send neither
   * `Origin` nor fetch metadata. Begins with `x-`, so that no page can send it without a CORS preflight.
   * @default 'x-sallyport-csrf'
   */
  readonly csrfHeader?: string
  /**
   * Development without TLS: names without `__Host-`, no `Secure`. Only for an app that listens on loopback alone.
   * @default false
   */
  readonly insecureLoopback?: boolean
  /**
   * Own origins. Left out: scheme and host of each request, right unless a proxy that Fastify does not trust ends TLS.
   * @example ['https://shop.example']
   */
  readonly origins?: readonly string[]
  /** Scope to ask for at login. Left out: what the server grants. */
  readonly scope?: string
  /**
   * A session is refreshed this long before its access token expires, and no sooner than in the last third of the
   * token's life: a short-lived token is not renewed by each request.
   * @default 30
   */
  readonly refreshAheadSeconds?: number
  /**
   * How long a refresh is remembered, in ms, so that requests that were on their way with the old cookies get its
   * result.
   * @default 10_000
   */
  readonly refreshRetentionMs?: number
  /**
   * Refreshes remembered at most.
   * @default 10_000
   */
  readonly maxRetained?: number
  /**
   * Keeps sessions in a store, and in the cookie only a handle. Left out: tokens are in the cookies, nothing is kept.
   */
  readonly stored?: StoredSessionOptions
  /**
   * The time in ms since 1970.
   * @default clock of the plugin
   */
  readonly clock?: Clock
}

/**
 * Letters, digits, `-` and `_`; not `__`, with which the prefixes of browsers begin.
 * @see draft-ietf-httpbis-rfc6265bis §4.1.3
 */
const COOKIE_PREFIX = /^(?!__)[A-Za-z0-9_-]{1,64}$/
const CSRF_HEADER = /^x-[a-z0-9-]{1,60}$/i

export const sessionOptions = optionsObject({
  tokenClient: objectWith<TokenClient>('a token client', ['password', 'refresh', 'revoke']),
  keys: customOption<SessionOptions['keys']>(
    'a list of { id, key }, or a function',
    value => typeof value === 'function' || isRing(value)
  ),
  sameSite: Type.Enum(['lax', 'strict'], { default: 'lax' }),
  cookieMaxAgeSeconds: Type.Optional(Type.Integer({ minimum: 1 })),
  cookiePrefix: customOption<string>(
    '1 to 64 letters, digits, - or _, and not begin with __',
    value => typeof value === 'string' && COOKIE_PREFIX.test(value),
    { default: 'sallyport' }
  ),
  csrfHeader: customOption<string>(
    'the name of a header that begins with x-',
    value => typeof value === 'string' && CSRF_HEADER.test(value),
    { default: 'x-sallyport-csrf' }
  ),
  insecureLoopback: Type.Boolean({ default: false }),
  origins: Type.Optional(listOf(Type.String())),
  scope: Type.Optional(Type.String()),
  refreshAheadSeconds: Type.Number({ minimum: 0, default: 30 }),
  refreshRetentionMs: Type.Number({ minimum: 0, default: 10_000 }),
  maxRetained: Type.Integer({ minimum: 1, default: 10_000 }),
  stored: Type.Optional(storedSessionOptions),
  clock: Type.Optional(functionOption<Clock>({ defaultText: 'clock of the plugin' }))
})

/** The session options with every default filled in, those of the plugin too. */
export interface ReadSessionOptions extends Readonly<Static<typeof sessionOptions>> {
  readonly clock: Clock
}

/** Every mistake in a key ring, in words for the operator; never the key material. */
export function sealingKeyMistakes(keys: readonly SealingKey[]): string[] {
  const mistakes: string[] = []
  const ids = keys.map(({ id }) => id)
  if (ids.length === 0) mistakes.push('session.keys must have at least one key')
  if (new Set(ids).size !== ids.length) mistakes.push('session.keys must have distinct ids')
  for (const { id, key } of keys) {
    if (!/^[\w-]{1,32}$/.test(id)) mistakes.push('session.keys: an id is 1 to 32 letters, digits, - or _')
    else if (key.byteLength !== 32) mistakes.push(`session.keys: key ${id} must have 32 bytes`)
    else if (key.every(byte => byte === key[0])) mistakes.push(`session.keys: key ${id} is not random`)
  }
  return mistakes
}

function isRing(value: unknown): boolean {
  return Array.isArray(value) && value.every(isSealingKey)
}

function isSealingKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'id' in value && typeof value.id === 'string' && 'key' in value && value.key instanceof Uint8Array
}
