import type { Dispatcher } from 'undici'
import {
  breakerAfterCall,
  type BreakerOutcome,
  breakerPermits,
  type BreakerRules,
  type BreakerState,
  breakerWithCall,
  FIRST_BREAKER_STATE
} from './breaker-state.ts'
import type { PickedTarget } from './pick-target.ts'

/**
 * How a call of a target ended: with an answer, a 5xx, a 502, 503 or 504, without a connection or over a broken one,
 * too late, or given up before that could be told.
 */
export type CallOutcome = 'answered' | 'server-error' | 'unavailable' | 'unreachable' | 'late' | 'abandoned'

/** When a target is left out, and for how long. */
export interface EjectionRules {
  readonly connectFailures: number
  readonly serverErrors?: number | undefined
  readonly durationMs: number
}

/** What happened to a target, for the log. */
export type TargetChange = 'ejected' | 'unhealthy' | 'healthy' | `breaker ${BreakerState['kind']}`

/** What a target is made of. */
export interface GuardedTargetParts {
  readonly name: string
  readonly origin: string
  readonly weight: number
  readonly connections: Dispatcher
  readonly ejection: EjectionRules | null
  readonly breaker: BreakerRules | null
  /** Whether it is not the last one in rotation. */
  readonly mayBeLeftOut: (target: GuardedTarget, nowMs: number) => boolean
  readonly changed: (target: GuardedTarget, change: TargetChange) => void
}

const BREAKER_OUTCOMES: Readonly<Record<CallOutcome, BreakerOutcome>> = {
  answered: 'succeeded',
  'server-error': 'succeeded',
  unavailable: 'failed',
  unreachable: 'failed',
  late: 'failed',
  abandoned: 'unknown'
}

/** One target of an upstream: whether it is asked, and what is known of it. */
export class GuardedTarget implements PickedTarget {
  readonly name: string
  readonly origin: string
  readonly weight: number
  readonly connections: Dispatcher
  pending = 0
  credit = 0
  /** What the last health checks said. */
  isHealthy = true
  /** How often it was left out since the start. */
  ejections = 0
  readonly #parts: GuardedTargetParts
  #breaker: BreakerState = FIRST_BREAKER_STATE
  #unreachable = 0
  #serverErrors = 0
  #ejectedUntilMs = Number.NEGATIVE_INFINITY
  #timesInARow = 0

  constructor(parts: GuardedTargetParts) {
    this.name = parts.name
    this.origin = parts.origin
    this.weight = parts.weight
    this.connections = parts.connections
    this.#parts = parts
  }

  get breakerKind(): BreakerState['kind'] {
    return this.#breaker.kind
  }

  isInRotation(nowMs: number): boolean {
    return this.isHealthy && nowMs >= this.#ejectedUntilMs
  }

  isPermitted(nowMs: number): boolean {
    const { breaker } = this.#parts
    return breaker === null || breakerPermits(this.#breaker, nowMs, breaker)
  }

  /** When its breaker lets a probe pass, in ms on the clock of the calls; `null` when it is not open. */
  get closedUntilMs(): number | null {
    return this.#breaker.kind === 'open' ? this.#breaker.untilMs : null
  }

  /** A call begins. @returns its era, for {@link settle} */
  begin(): number {
    this.pending++
    if (this.#parts.breaker !== null) this.#take(breakerWithCall(this.#breaker))
    return this.#breaker.era
  }

  /** It is known how a call of that era ended. Its answer may still be under way. */
  settle(era: number, outcome: CallOutcome, nowMs: number): void {
    const { breaker } = this.#parts
    if (breaker !== null) {
      this.#take(breakerAfterCall(this.#breaker, { era, outcome: BREAKER_OUTCOMES[outcome] }, nowMs, breaker))
    }
    this.#countFailures(outcome, nowMs)
  }

  /** A health check has made up its mind. */
  setHealth(isHealthy: boolean): void {
    if (this.isHealthy === isHealthy) return
    this.isHealthy = isHealthy
    this.#parts.changed(this, isHealthy ? 'healthy' : 'unhealthy')
  }

  #countFailures(outcome: CallOutcome, nowMs: number): void {
    const { ejection } = this.#parts
    if (ejection === null || outcome === 'abandoned' || outcome === 'late') return
    const isServerError = outcome === 'server-error' || outcome === 'unavailable'
    this.#unreachable = outcome === 'unreachable' ? this.#unreachable + 1 : 0
    this.#serverErrors = isServerError ? this.#serverErrors + 1 : 0
    if (outcome === 'answered') this.#timesInARow = 0
    const { connectFailures, serverErrors = Number.POSITIVE_INFINITY } = ejection
    if (this.#unreachable >= connectFailures || this.#serverErrors >= serverErrors) this.#eject(ejection, nowMs)
  }

  #eject({ durationMs }: EjectionRules, nowMs: number): void {
    if (nowMs < this.#ejectedUntilMs || !this.#parts.mayBeLeftOut(this, nowMs)) return
    this.#unreachable = 0
    this.#serverErrors = 0
    this.#timesInARow++
    this.ejections++
    this.#ejectedUntilMs = nowMs + durationMs * Math.min(this.#timesInARow, 10)
    this.#parts.changed(this, 'ejected')
  }

  #take(next: BreakerState): void {
    const last = this.#breaker
    this.#breaker = next
    if (last.kind !== next.kind) this.#parts.changed(this, `breaker ${next.kind}`)
  }
}
