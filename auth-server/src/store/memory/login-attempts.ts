import type { LoginAttemptStore } from '../contract.ts'
import type { RunStep, Tables } from './tables.ts'

/** Failed logins in memory. */
export function loginAttemptStore({ loginAttempts }: Tables, run: RunStep): LoginAttemptStore {
  return {
    blockedUntilMs: async keys =>
      await run(() => {
        const ends = keys.flatMap(key => loginAttempts.get(key)?.blockedUntilMs ?? [])
        return ends.length === 0 ? null : Math.max(...ends)
      }),
    recordFailure: async ({ key, nowMs, windowMs, freeFailures, firstWaitMs, longestWaitMs }) => {
      await run(() => {
        const known = loginAttempts.get(key)
        const failures = known === undefined || known.lastFailedAtMs < nowMs - windowMs ? 1 : known.failures + 1
        const waitMs =
          failures <= freeFailures
            ? null
            : Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - freeFailures - 1, 30))
        loginAttempts.set(key, {
          failures,
          lastFailedAtMs: nowMs,
          blockedUntilMs: waitMs === null ? (known?.blockedUntilMs ?? null) : nowMs + waitMs
        })
      })
    },
    forget: async key => {
      await run(() => loginAttempts.delete(key))
    }
  }
}
