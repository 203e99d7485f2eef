/** What a breaker goes by. */
export interface BreakerRules {
  /** How many of the last calls are looked at. */
  readonly window: number
  readonly minimumCalls: number
  /** From this share of failures on it opens, in percent. */
  readonly failurePercent: number
  readonly openMs: number
  /** Calls that have to succeed before it closes, and the most at a time until then. */
  readonly probes: number
}

/**
 * The state of a breaker. Each change of its kind begins another era; a call that began in an earlier one says nothing
 * about this one.
 */
export type BreakerState =
  /** Calls pass. `failures`: of the last calls, the oldest first, whether each failed. */
  | { readonly kind: 'closed'; readonly era: number; readonly failures: readonly boolean[] }
  /** None passes. */
  | { readonly kind: 'open'; readonly era: number; readonly untilMs: number }
  /** A few pass, to see how they end. */
  | { readonly kind: 'half-open'; readonly era: number; readonly probing: number; readonly passed: number }

/** How a call ended; `unknown` for one that was given up before that could be told. */
export type BreakerOutcome = 'succeeded' | 'failed' | 'unknown'

/** A breaker before its first call. */
export const FIRST_BREAKER_STATE: BreakerState = Object.freeze({ kind: 'closed', era: 0, failures: [] })

/** Whether a call would pass. */
export function breakerPermits(state: BreakerState, nowMs: number, { probes }: BreakerRules): boolean {
  if (state.kind === 'closed') return true
  if (state.kind === 'open') return nowMs >= state.untilMs
  return state.probing + state.passed < probes
}

/** The state once a call that is permitted has begun; the call belongs to its era. */
export function breakerWithCall(state: BreakerState): BreakerState {
  if (state.kind === 'closed') return state
  if (state.kind === 'open') return { kind: 'half-open', era: state.era + 1, probing: 1, passed: 0 }
  return { ...state, probing: state.probing + 1 }
}

/** The state once a call has ended. */
export function breakerAfterCall(
  state: BreakerState,
  call: { readonly era: number; readonly outcome: BreakerOutcome },
  nowMs: number,
  rules: BreakerRules
): BreakerState {
  if (state.era !== call.era || state.kind === 'open') return state
  if (state.kind === 'half-open') return afterProbe(state, call.outcome, nowMs, rules)
  if (call.outcome === 'unknown') return state
  const failures = [...state.failures, call.outcome === 'failed'].slice(-rules.window)
  const failed = failures.filter(Boolean).length
  const isTooMany = failures.length >= rules.minimumCalls && failed * 100 >= rules.failurePercent * failures.length
  return isTooMany ? openedBreaker(state, nowMs, rules) : { ...state, failures }
}

function afterProbe(
  state: BreakerState & { readonly kind: 'half-open' },
  outcome: BreakerOutcome,
  nowMs: number,
  rules: BreakerRules
): BreakerState {
  if (outcome === 'failed') return openedBreaker(state, nowMs, rules)
  const probing = state.probing - 1
  if (outcome === 'unknown') return { ...state, probing }
  const passed = state.passed + 1
  return passed >= rules.probes ? { kind: 'closed', era: state.era + 1, failures: [] } : { ...state, probing, passed }
}

function openedBreaker({ era }: BreakerState, nowMs: number, { openMs }: BreakerRules): BreakerState {
  return { kind: 'open', era: era + 1, untilMs: nowMs + openMs }
}
