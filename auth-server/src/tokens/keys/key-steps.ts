import type { SigningKeyRecord } from '../../store/records.ts'

/** Times that make a step of a signing key's life safe, in ms. */
export interface KeyTimes {
  /** Verifiers may work with a key set that is this old. */
  readonly jwksMaxAgeMs: number
  /** The longest life of anything that is signed. */
  readonly longestTokenMs: number
  /** Within this an instance of the server follows the database. */
  readonly instancesFollowMs: number
  /** By so much clocks may differ, at verifiers too. */
  readonly clockToleranceMs: number
}

/** Whether a step may be taken now; if not, why, and for how long. */
export type StepDecision =
  { readonly safe: true } | { readonly safe: false; readonly reason: string; readonly waitMs: number | null }

const SAFE: StepDecision = { safe: true }
const never = (reason: string): StepDecision => ({ safe: false, reason, waitMs: null })

/**
 * Whether the key may sign: every verifier must have had the time to fetch a key set with it, or its first tokens would
 * be refused.
 */
export function maySign(key: SigningKeyRecord, times: KeyTimes, nowMs: number): StepDecision {
  if (key.state !== 'published') {
    return never(`key ${key.kid} is ${key.state}, and only a published key can begin to sign`)
  }
  const waitMs = key.publishedAtMs + times.jwksMaxAgeMs + times.instancesFollowMs - nowMs
  return waitMs <= 0
    ? SAFE
    : {
        safe: false,
        waitMs,
        reason: `verifiers may hold a key set without ${key.kid} for another ${Math.ceil(waitMs / 1000)} s`
      }
}

/** Whether the key may go: the last token that it signed must have expired, or a valid token would be refused. */
export function mayBeRemoved(key: SigningKeyRecord, times: KeyTimes, nowMs: number): StepDecision {
  if (key.state === 'published') return SAFE
  if (key.state !== 'retired' || key.retiredAtMs === null) {
    return never(`key ${key.kid} is ${key.state}: another key has to sign first`)
  }
  const waitMs = key.retiredAtMs + times.longestTokenMs + times.instancesFollowMs + times.clockToleranceMs - nowMs
  return waitMs <= 0
    ? SAFE
    : {
        safe: false,
        waitMs,
        reason: `tokens signed with ${key.kid} are valid for up to another ${Math.ceil(waitMs / 1000)} s`
      }
}
