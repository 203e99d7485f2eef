import type { TokenClient } from '@sallyport/security-context'
import type { Clock } from '@sallyport/security-context/mechanics'
import {
  functionOption,
  listOf,
  objectWith,
  optionsObject,
  Type,
  type Static
} from '@sallyport/security-context/options'
import { realmOption } from '../realm.ts'

/** Options of the Basic strategy. */
export interface BasicOptions {
  /** Turns the credentials into tokens. */
  readonly tokenClient: TokenClient
  /**
   * `realm` of the challenge.
   * @default realm of the plugin, else 'sallyport'
   */
  readonly realm?: string
  /** Scope to ask for. Left out: what the server grants. */
  readonly scope?: string
  /**
   * Whether browsers get the Basic challenge, which makes them show a dialog of their own and keep the password until
   * they are closed. A browser is told by its `Sec-Fetch-*` headers or `Origin`; clients without them are always
   * offered it.
   * @default false
   */
  readonly browserChallenge?: boolean
  /**
   * Own origins: pages of other ones may change nothing with the password that a browser remembers. Left out: scheme
   * and host of each request, right unless a proxy that Fastify does not trust ends TLS.
   * @example ['https://shop.example']
   */
  readonly origins?: readonly string[]
  /**
   * A token is refreshed this long before it expires, and no sooner than in the last third of its life.
   * @default 30
   */
  readonly refreshAheadSeconds?: number
  /**
   * Credentials whose tokens are kept; past it the least recently used is dropped and its refresh token revoked.
   * @default 10_000
   */
  readonly maxCredentials?: number
  /**
   * How long a rejected credential is refused without asking the server again, in ms; 0 asks each time.
   * @default 5000
   */
  readonly rejectedTtlMs?: number
  /**
   * Rejected credentials remembered at most.
   * @default 10_000
   */
  readonly maxRejected?: number
  /**
   * How long `close` may take to revoke the refresh tokens, in ms.
   * @default 3000
   */
  readonly drainTimeoutMs?: number
  /**
   * The time in ms since 1970.
   * @default clock of the plugin
   */
  readonly clock?: Clock
}

export const basicOptions = optionsObject({
  tokenClient: objectWith<TokenClient>('a token client', ['password', 'refresh', 'revoke']),
  realm: Type.Optional(realmOption("realm of the plugin, else 'sallyport'")),
  scope: Type.Optional(Type.String()),
  browserChallenge: Type.Boolean({ default: false }),
  origins: Type.Optional(listOf(Type.String())),
  refreshAheadSeconds: Type.Number({ minimum: 0, default: 30 }),
  maxCredentials: Type.Integer({ minimum: 1, default: 10_000 }),
  rejectedTtlMs: Type.Number({ minimum: 0, default: 5000 }),
  maxRejected: Type.Integer({ minimum: 1, default: 10_000 }),
  drainTimeoutMs: Type.Number({ minimum: 0, default: 3000 }),
  clock: Type.Optional(functionOption<Clock>({ defaultText: 'clock of the plugin' }))
})

/** The Basic options with every default filled in, those of the plugin too. */
export interface ReadBasicOptions extends Readonly<Static<typeof basicOptions>> {
  readonly realm: string
  readonly clock: Clock
}
