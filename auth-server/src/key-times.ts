import { LOGOUT_TOKEN_SECONDS } from './protocol/logout/logout-token.ts'
import type { AuthServerSettings } from './settings.ts'
import type { KeyTimes } from './tokens/keys/key-steps.ts'

/** An instance asks the database for the keys again after this. */
export const KEYS_FRESHNESS_MS = 1000

/** Verifiers of tokens allow clocks to differ by up to a minute. */
const KEY_CLOCK_TOLERANCE_MS = 60_000

/** The times of key steps that follow from the settings. */
export function keyTimesOf(
  settings: Pick<AuthServerSettings, 'jwksMaxAgeSeconds' | 'accessTokenLifetimeSeconds' | 'statusListLifetimeSeconds'>
): KeyTimes {
  return {
    jwksMaxAgeMs: settings.jwksMaxAgeSeconds * 1000,
    longestTokenMs:
      Math.max(settings.accessTokenLifetimeSeconds, settings.statusListLifetimeSeconds, LOGOUT_TOKEN_SECONDS) * 1000,
    instancesFollowMs: KEYS_FRESHNESS_MS,
    clockToleranceMs: KEY_CLOCK_TOLERANCE_MS
  }
}
