import type { TlsMaterial } from '@sallyport/secure-transport'
import type { KeySource, StatusSource, TokenClient } from '@sallyport/security-context'
import type { Schedule } from '@sallyport/security-context/mechanics'
import type { Tracing } from '@sallyport/service-process'
import type { TokenExchangeOptions } from '@sallyport/token-exchange'
import type { Knex } from 'knex'

/** The collaborators of a service; tests pass in their own. */
export interface ServiceCollaborators {
  /** Pool of the app role. */
  readonly db: Knex
  /** Keys of the issuer. */
  readonly keys: KeySource
  /** Status lists of the issuer. Left out: revocation is not checked. */
  readonly status?: StatusSource
  /** Carries requests for the keys of further issuers. Default: undici's global one. */
  readonly issuerAgent?: NonNullable<TokenExchangeOptions['dispatcher']>
  /** Exchanges tokens for calls of other services. */
  readonly tokenClient: TokenClient
  /** Carries calls of other services. Default: undici's global one. */
  readonly dispatcher?: NonNullable<TokenExchangeOptions['dispatcher']>
  /** Left out: plain HTTP, for loopback only. */
  readonly tls?: TlsMaterial
  /** Left out: no spans; the trace id is still taken from the caller. */
  readonly tracing?: Tracing
  /** When recovery runs. Default: a timer. */
  readonly recoverySchedule?: Schedule
  /** Epoch in ms. */
  readonly clock?: () => number
  /** Readiness checks beside those of the database and the keys, by name. */
  readonly checks?: Readonly<Record<string, () => Promise<void>>>
}
