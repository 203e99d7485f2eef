import type { Clock } from '../clock.ts'
import type { Confirmation } from '../store/confirmation.ts'
import type { Store } from '../store/contract.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { PasswordHasher } from './passwords/password-hasher.ts'

/** How long a kind of session lives, in seconds. */
export interface SessionLifetime {
  /** Without use. */
  readonly idleSeconds: number
  /** In all. */
  readonly absoluteSeconds: number
}

/** Times of the authorization server. */
export interface Lifetimes {
  readonly accessTokenSeconds: number
  readonly sessions: Readonly<Record<'login' | 'api', SessionLifetime>>
  /** After its first use, a successor's predecessor may still be presented for so long. */
  readonly refreshGraceMs: number
}

/** Writes a line for operators; `error` is `null` when nothing was thrown. */
export type Report = (error: unknown, message: string) => void

/** The parts of the authorization server that sign-ins, passwords and sessions work with. */
export interface AccountParts {
  readonly store: Store
  readonly clock: Clock
  readonly report: Report
  readonly lifetimes: Lifetimes
  readonly passwords: PasswordHasher
  readonly throttle: LoginThrottle
  /** What the client of this request has proven to hold; `null` when nothing, and outside of a request for tokens. */
  readonly confirmation: Confirmation | null
  /** Positions in a new status list. */
  readonly statusListSize: number
}
