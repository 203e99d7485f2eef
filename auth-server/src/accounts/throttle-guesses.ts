import { createHash } from 'node:crypto'
import { type Clock, sourceOf } from '@sallyport/security-context/mechanics'
import type { LoginAttemptStore } from '../store/contract.ts'

/** How failed logins of one kind of key slow the next ones down. */
export interface ThrottleRule {
  /** Failures that cost nothing. */
  readonly freeFailures: number
  /** The first wait, in ms; it doubles with each further failure. */
  readonly firstWaitMs: number
  /** No wait is longer: nobody is locked out for good. */
  readonly longestWaitMs: number
}

/** Rules for accounts and for source addresses. */
export interface ThrottleRules {
  /** For an account from one source, and for the account where the source is not known. */
  readonly account: ThrottleRule
  /** For an account from all sources together. */
  readonly everywhere: ThrottleRule
  readonly source: ThrottleRule
  /** Failures older than this are forgotten, in ms. */
  readonly windowMs: number
}

/**
 * An account waits at most a minute for one source; a source may serve many people and has more tries. What all sources
 * together make an account wait is much shorter than what a guessing source waits itself: it cannot keep the owner out
 * from elsewhere.
 */
export const DEFAULT_THROTTLE_RULES: ThrottleRules = {
  account: { freeFailures: 5, firstWaitMs: 1000, longestWaitMs: 60_000 },
  everywhere: { freeFailures: 30, firstWaitMs: 1000, longestWaitMs: 10_000 },
  source: { freeFailures: 50, firstWaitMs: 1000, longestWaitMs: 300_000 },
  windowMs: 900_000
}

/** Slows password guessing down, for all instances together. */
export interface LoginThrottle {
  /** How long the login has to wait, in ms; 0: it may go on. */
  waitMs: (attempt: LoginAttempt) => Promise<number>
  failed: (attempt: LoginAttempt) => Promise<void>
  /**
   * Forgets the failures of the account, not those of the source: an attacker with one account of their own gains
   * nothing.
   */
  succeeded: (attempt: LoginAttempt) => Promise<void>
}

/** One login: the account in normal form, and the end user's address when it is known. */
export interface LoginAttempt {
  readonly username: string
  readonly sourceAddress: string | null
}

/** @param store counts failures for all instances, over restarts */
export function createLoginThrottle(store: LoginAttemptStore, rules: ThrottleRules, clock: Clock): LoginThrottle {
  const keysOf = ({ username, sourceAddress }: LoginAttempt): ReadonlyArray<readonly [string, ThrottleRule]> => {
    if (sourceAddress === null) return [[accountKey(username), rules.account]]
    const source = sourceKey(sourceAddress)
    return [
      [pairKey(username, source), rules.account],
      [accountKey(username), rules.everywhere],
      [source, rules.source]
    ]
  }
  return {
    waitMs: async attempt => {
      const blockedUntilMs = await store.blockedUntilMs(keysOf(attempt).map(([key]) => key))
      return Math.max(0, (blockedUntilMs ?? 0) - clock())
    },
    failed: async attempt => {
      for (const [key, rule] of keysOf(attempt)) {
        await store.recordFailure({ key, nowMs: clock(), windowMs: rules.windowMs, ...rule })
      }
    },
    succeeded: async ({ username, sourceAddress }) => {
      await store.forget(accountKey(username))
      if (sourceAddress !== null) await store.forget(pairKey(username, sourceKey(sourceAddress)))
    }
  }
}

const accountKey = (username: string): string => `account:${createHash('sha256').update(username).digest('base64url')}`

const pairKey = (username: string, source: string): string => `${accountKey(username)} ${source}`

/** The owner of an IPv6 network has at least 2^64 addresses: the network counts, not the address. */
const sourceKey = (address: string): string => `source:${sourceOf(address)}`
