import { optionsObject, Type } from '@sallyport/security-context/options'

/** Whom a limit counts. */
export const LIMITED_PARTIES = ['principal', 'client', 'source', 'route'] as const

/** What holds while a shared store is away. */
export const AWAY_RULES = ['local', 'open', 'closed'] as const

/** A limit that routes name; what counts in it on one route counts on all of them. */
export interface RateLimitOptions {
  /**
   * Whom it counts: each `principal` (issuer and subject), each OAuth `client` (a caller without one by itself), each
   * `source` (an IPv4 address or the /64 of an IPv6 one), or all requests of the `route` together.
   */
  readonly per: (typeof LIMITED_PARTIES)[number]
  /** How many requests there may be in any window. */
  readonly requests: number
  /** Length of the window, in seconds. */
  readonly windowSeconds: number
  /**
   * What holds while the shared store is away: `local` counts in each process, which has its share of the limit; `open`
   * counts nothing; `closed` answers 503.
   * @default 'local'
   */
  readonly whenAway?: (typeof AWAY_RULES)[number]
}

export const rateLimitOptions = optionsObject({
  per: Type.Enum([...LIMITED_PARTIES]),
  requests: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
  windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  whenAway: Type.Enum([...AWAY_RULES], { default: 'local' })
})
