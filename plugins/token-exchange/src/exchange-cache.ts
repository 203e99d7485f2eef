import { createHash } from 'node:crypto'
import type { EndUserConnection, TokenClient } from '@sallyport/security-context'
import { defined, forgetOldest } from '@sallyport/security-context/mechanics'
import { LRUCache } from 'lru-cache'

/**
 * A cached token is dropped this long before it expires, so that it outlives the call it is used for; a short-lived one
 * in its last third.
 */
const MARGIN_MS = 10_000

/** What a token is cached for. `subjectToken` is `null` for the service's own tokens (client credentials). */
export interface TokenQuestion {
  readonly subjectToken: string | null
  readonly audience: string
  readonly scope: string | undefined
  /** For whom it is asked first; no part of the question. */
  readonly connection?: EndUserConnection
}

/** Who answers, and how many tokens are kept. */
export interface ExchangeCacheOptions {
  readonly tokenClient: Pick<TokenClient, 'exchange' | 'clientCredentials'>
  readonly maxEntries: number
  /** Epoch in ms. */
  readonly clock: () => number
}

/** Tokens by subject, audience and scope. */
export interface ExchangeCache {
  /**
   * The cached token or a new one; callers with the same question share one request. A failure is not kept.
   * @param key of the question
   */
  get: (question: TokenQuestion, key: string) => Promise<{ readonly token: string; readonly fresh: boolean }>
  /** The cached token under a key, `null` when there is none or it ends soon. */
  recall: (key: string) => string | null
  /** Whether {@link recall} would find it; counts no look-up. */
  has: (key: string) => boolean
  /** Forgets one answer: the upstream refused the token. */
  drop: (key: string) => void
  /** How many tokens are kept. */
  size: () => number
  readonly lookups: () => CacheLookups
}

/** How look-ups ended since the start. */
export interface CacheLookups {
  readonly hit: number
  /** The authorization server was asked. */
  readonly miss: number
  /** It was being asked for somebody else already. */
  readonly shared: number
}

/**
 * A bounded cache of exchanged tokens. Keys are digests: a heap dump or a log line of a key gives no token away, and
 * the parts are delimited, so no two questions have the same key.
 */
export function createExchangeCache({ tokenClient, maxEntries, clock }: ExchangeCacheOptions): ExchangeCache {
  const tokens = new LRUCache<string, { token: string; usableUntilMs: number }>({ max: maxEntries })
  const pending = new Map<string, Promise<string>>()
  const lookups = { hit: 0, miss: 0, shared: 0 }

  async function obtain(key: string, { subjectToken, audience, scope, connection }: TokenQuestion): Promise<string> {
    // The lifetime counts from before the request: the server's clock started no later than its answer arrived.
    const askedAtMs = clock()
    const { accessToken, expiresInSeconds } =
      subjectToken === null
        ? await tokenClient.clientCredentials(defined({ audience, scope }))
        : await tokenClient.exchange(defined({ subjectToken, audience, scope, connection }))
    const lifetimeMs = expiresInSeconds * 1000
    const usableUntilMs = askedAtMs + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 3)
    if (usableUntilMs > clock()) {
      tokens.set(key, { token: accessToken, usableUntilMs })
      forgetOldest(tokens, other => clock() >= other.usableUntilMs)
    }
    return accessToken
  }

  function usable(key: string): string | null {
    const cached = tokens.get(key)
    return cached === undefined || clock() >= cached.usableUntilMs ? null : cached.token
  }

  function recall(key: string): string | null {
    const token = usable(key)
    if (token !== null) lookups.hit++
    return token
  }

  return {
    async get(question, key) {
      const cached = recall(key)
      if (cached !== null) return { token: cached, fresh: false }
      tokens.delete(key)
      let promise = pending.get(key)
      lookups[promise === undefined ? 'miss' : 'shared']++
      if (promise === undefined) {
        promise = obtain(key, question).finally(() => pending.delete(key))
        pending.set(key, promise)
      }
      return { token: await promise, fresh: true }
    },
    recall,
    has: key => usable(key) !== null,
    drop(key) {
      tokens.delete(key)
    },
    size: () => tokens.size,
    lookups: () => ({ ...lookups })
  }
}

/** The key of a question: made once for a known caller, see `exchangeKey`. */
export function keyOfQuestion({ subjectToken, audience, scope }: TokenQuestion): string {
  return createHash('sha256')
    .update(JSON.stringify([subjectToken, audience, scope ?? null]))
    .digest('base64')
}
