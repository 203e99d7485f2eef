import type { TokenClient } from '@sallyport/security-context'
import { originMistakes } from '../request-origin.ts'

/** Options of the Basic strategy. */
export interface BasicOptions {
  /** Turns the credentials into tokens. */
  readonly tokenClient: TokenClient
  /** `realm` of the challenge. Default `sallyport`. */
  readonly realm?: string
  /** Scope to ask for. Default: what the server grants. */
  readonly scope?: string
  /**
   * Whether browsers get the Basic challenge, which makes them show a dialog of their own and keep the password until
   * they are closed. Default false. A browser is told by its `Sec-Fetch-*` headers or `Origin`; clients without them
   * are always offered it.
   */
  readonly browserChallenge?: boolean
  /**
   * Own origins (`https://shop.example`): pages of other ones may change nothing with the password that a browser
   * remembers.
   * Default: scheme and host of each request, right unless a proxy that Fastify does not trust ends TLS.
   */
  readonly origins?: readonly string[]
  /** A token is refreshed this long before it expires, and no sooner than in the last third of its life. Default 30. */
  readonly refreshAheadSeconds?: number
  /**
   * Credentials whose tokens are kept; past it the least recently used is dropped and its refresh token revoked.
   * Default 10 000.
   */
  readonly maxCredentials?: number
  /** How long a rejected credential is refused without asking the server again. Default 5000; 0 asks each time. */
  readonly rejectedTtlMs?: number
  /** Rejected credentials remembered at most. Default 10 000. */
  readonly maxRejected?: number
  /** How long `close` may take to revoke the refresh tokens. Default 3000. */
  readonly drainTimeoutMs?: number
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly clock?: () => number
}

/** The Basic options with every default filled in. */
export interface ResolvedBasicOptions extends Required<Omit<BasicOptions, 'scope' | 'origins'>> {
  readonly scope: string | null
  readonly origins: readonly string[] | null
}

/** Visible ASCII without what a quoted string would have to escape. @see RFC 9110 §5.6.4 */
const REALM = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,200}$/

/** Fills in the defaults. */
export function resolveBasicOptions(options: BasicOptions): ResolvedBasicOptions {
  return Object.freeze({
    tokenClient: options.tokenClient,
    realm: options.realm ?? 'sallyport',
    scope: options.scope ?? null,
    browserChallenge: options.browserChallenge ?? false,
    origins: options.origins ?? null,
    refreshAheadSeconds: options.refreshAheadSeconds ?? 30,
    maxCredentials: options.maxCredentials ?? 10_000,
    rejectedTtlMs: options.rejectedTtlMs ?? 5000,
    maxRejected: options.maxRejected ?? 10_000,
    drainTimeoutMs: options.drainTimeoutMs ?? 3000,
    clock: options.clock ?? Date.now
  })
}

/** Every mistake in the options, in words for the operator. */
export function basicOptionMistakes(options: ResolvedBasicOptions): string[] {
  const mistakes: string[] = [...originMistakes('basic.origins', options.origins)]
  if (!REALM.test(options.realm)) {
    mistakes.push('basic.realm must be 1 to 200 printable ASCII characters without " and \\')
  }
  for (const name of ['maxCredentials', 'maxRejected'] as const) {
    if (!Number.isSafeInteger(options[name]) || options[name] < 1) {
      mistakes.push(`basic.${name} must be a positive integer`)
    }
  }
  for (const name of ['refreshAheadSeconds', 'rejectedTtlMs', 'drainTimeoutMs'] as const) {
    if (!Number.isFinite(options[name]) || options[name] < 0) mistakes.push(`basic.${name} must be a number from 0`)
  }
  return mistakes
}
