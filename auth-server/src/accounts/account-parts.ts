import type { Clock } from '@sallyport/security-context/mechanics'
import type { Store } from '../store/contract.ts'
import type { LoginThrottle } from './throttle-guesses.ts'
import type { PasswordHasher } from './passwords/password-hasher.ts'
import type { PasswordPolicy } from './passwords/password-policy.ts'

/** How long a session or a sign-in lives, in seconds. */
export interface UseLifetime {
  /** Without use. */
  readonly idleSeconds: number
  /** In total. */
  readonly absoluteSeconds: number
}

/** Times of the authorization server. */
export interface Lifetimes {
  readonly accessTokenSeconds: number
  /** A browser's. */
  readonly signIn: UseLifetime
  readonly sessions: Readonly<Record<'login' | 'api', UseLifetime>>
  /** How long after the first use of a refresh token its predecessor may still be presented. */
  readonly refreshGraceMs: number
}

/** Writes a line for operators; `error` is `null` when nothing was thrown. */
export type Report = (error: unknown, message: string) => void

/**
 * The parts of the authorization server that sign-ins, passwords and sessions work with. They are made once per process
 * and hold nothing of a single request.
 */
export interface AccountParts {
  readonly store: Store
  readonly clock: Clock
  readonly report: Report
  readonly lifetimes: Lifetimes
  readonly passwords: PasswordHasher
  readonly passwordPolicy: PasswordPolicy
  readonly throttle: LoginThrottle
  /** Positions in a new status list. */
  readonly statusListSize: number
}
