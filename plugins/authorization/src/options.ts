import type { Knex } from 'knex'

/** Options of the authorization plugin. */
export interface AuthorizationOptions {
  /** The database with the access control list; needed as soon as one policy has an `acl` rule. */
  readonly acl?: {
    readonly db: Knex
    /** How long one question may take before the answer is 503, in ms. Default 2000. */
    readonly timeoutMs?: number
  }
  /**
   * What a caller learns of a resource that its policy refuses. `hide` (default): 404, as if it did not exist, when
   * reading and when writing. `reveal`: 403.
   */
  readonly existence?: 'hide' | 'reveal'
}

/** The options with their defaults, frozen at registration. */
export interface ResolvedOptions {
  readonly db: Knex | null
  readonly timeoutMs: number
  readonly hides: boolean
}

/** Fills in the defaults. */
export function resolveOptions(options: AuthorizationOptions): ResolvedOptions {
  return Object.freeze({
    db: options.acl?.db ?? null,
    timeoutMs: options.acl?.timeoutMs ?? 2000,
    hides: options.existence !== 'reveal'
  })
}
