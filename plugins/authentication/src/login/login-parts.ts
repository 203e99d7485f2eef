import type { KeySource } from '@sallyport/security-context'
import type { SessionCore } from '../session/session-core.ts'
import type { ReadLoginOptions } from './options.ts'
import type { PendingLogins } from './pending-logins.ts'

/** What the routes of a login work with. */
export interface LoginParts {
  readonly core: SessionCore
  readonly options: ReadLoginOptions
  readonly pending: PendingLogins
  /** Of the issuer's id_tokens. */
  readonly keys: KeySource
  /** With the prefix of the routes. */
  readonly loginPath: string
  readonly callbackPath: string
  readonly loggedOutPath: string
}
