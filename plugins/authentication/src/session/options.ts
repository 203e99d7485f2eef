import type { TokenClient } from '@sallyport/security-context'
import { originMistakes } from '../request-origin.ts'

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
   * Key ring, newest first: the first key seals, every key opens. All replicas share it. To rotate, add the new key at
   * the end on every replica, then put it in front, then take the old one out once the sessions that it sealed have
   * been refreshed or have ended.
   */
  readonly keys: readonly SealingKey[]
  /** Default `lax`. With `strict`, the user arrives from a link on another site as if logged out. */
  readonly sameSite?: 'lax' | 'strict'
  /** How long the browser keeps the cookies, in seconds. Default: until it is closed. */
  readonly cookieMaxAgeSeconds?: number
  /**
   * Development without TLS: names without `__Host-`, no `Secure`. Only for an app that listens on loopback alone.
   * Default false.
   */
  readonly insecureLoopback?: boolean
  /**
   * Own origins (`https://shop.example`). Default: scheme and host of each request, right unless a proxy that Fastify
   * does not trust ends TLS.
   */
  readonly origins?: readonly string[]
  /** Scope to ask for at login. Default: what the server grants. */
  readonly scope?: string
  /**
   * A session is refreshed this long before its access token expires, and no sooner than in the last third of the
   * token's
   * life: a short-lived token is not renewed by each request. Default 30.
   */
  readonly refreshAheadSeconds?: number
  /**
   * How long a refresh is remembered, so that requests that were on their way with the old cookies get its result.
   * Default 10 000.
   */
  readonly refreshRetentionMs?: number
  /** Refreshes remembered at most. Default 10 000. */
  readonly maxRetained?: number
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly clock?: () => number
}

/** The session options with every default filled in. */
export interface ResolvedSessionOptions extends Required<
  Omit<SessionOptions, 'scope' | 'origins' | 'cookieMaxAgeSeconds'>
> {
  readonly scope: string | null
  readonly origins: readonly string[] | null
  readonly cookieMaxAgeSeconds: number | null
}

/** Fills in the defaults. */
export function resolveSessionOptions(options: SessionOptions): ResolvedSessionOptions {
  return Object.freeze({
    tokenClient: options.tokenClient,
    keys: [...options.keys],
    sameSite: options.sameSite ?? 'lax',
    cookieMaxAgeSeconds: options.cookieMaxAgeSeconds ?? null,
    insecureLoopback: options.insecureLoopback ?? false,
    origins: options.origins ?? null,
    scope: options.scope ?? null,
    refreshAheadSeconds: options.refreshAheadSeconds ?? 30,
    refreshRetentionMs: options.refreshRetentionMs ?? 10_000,
    maxRetained: options.maxRetained ?? 10_000,
    clock: options.clock ?? Date.now
  })
}

/** Every mistake in the options, in words for the operator; never the key material. */
export function sessionOptionMistakes(options: ResolvedSessionOptions): string[] {
  const mistakes: string[] = []
  const ids = options.keys.map(({ id }) => id)
  if (ids.length === 0) mistakes.push('session.keys must have at least one key')
  if (new Set(ids).size !== ids.length) mistakes.push('session.keys must have distinct ids')
  for (const { id, key } of options.keys) {
    if (!/^[\w-]{1,32}$/.test(id)) mistakes.push('session.keys: an id is 1 to 32 letters, digits, - or _')
    else if (key.byteLength !== 32) mistakes.push(`session.keys: key ${id} must have 32 bytes`)
    else if (key.every(byte => byte === key[0])) mistakes.push(`session.keys: key ${id} is not random`)
  }
  mistakes.push(...originMistakes('session.origins', options.origins))
  const { cookieMaxAgeSeconds: maxAge, maxRetained } = options
  if (maxAge !== null && (!Number.isSafeInteger(maxAge) || maxAge < 1)) {
    mistakes.push('session.cookieMaxAgeSeconds must be a positive integer')
  }
  if (!Number.isSafeInteger(maxRetained) || maxRetained < 1) {
    mistakes.push('session.maxRetained must be a positive integer')
  }
  for (const name of ['refreshAheadSeconds', 'refreshRetentionMs'] as const) {
    if (!Number.isFinite(options[name]) || options[name] < 0) mistakes.push(`session.${name} must be a number from 0`)
  }
  return mistakes
}
