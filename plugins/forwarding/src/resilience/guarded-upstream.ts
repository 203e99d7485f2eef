import type { Log, MonotonicClock, StartTimer } from '@sallyport/security-context/mechanics'
import { withRetryAfter } from '@sallyport/security-context/mechanics'
import type { Dispatcher } from 'undici'
import { ForwardUnavailableError } from '../errors.ts'
import type { BreakerRules } from './breaker-state.ts'
import { Bulkhead, type BulkheadRules } from './bulkhead.ts'
import { type CallGuard, GuardedCall } from './guarded-call.ts'
import { type EjectionRules, GuardedTarget, type TargetChange } from './guarded-target.ts'
import { pickTarget } from './pick-target.ts'
import { RetryBudget, type RetryBudgetRules } from './retry-budget.ts'

/** What may be sent again, and how. */
export interface RetryRules extends RetryBudgetRules {
  readonly attempts: number
  readonly backoffMs: number
  readonly attemptTimeoutMs?: number | undefined
  readonly statuses: readonly number[]
}

/** Where an upstream is reached, and what guards it; `null` for what is not wanted. */
export interface GuardedUpstreamRules {
  readonly targets: ReadonlyArray<{
    readonly name: string
    readonly origin: string
    readonly weight: number
    readonly connections: Dispatcher
  }>
  readonly ejection: EjectionRules | null
  readonly breaker: BreakerRules | null
  readonly retries: RetryRules | null
  readonly bulkhead: BulkheadRules | null
}

/** What a guarded upstream needs beside its rules; a test passes its own. */
export interface GuardParts {
  readonly clock: MonotonicClock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly startTimer: StartTimer
  /** Told when a target is left out, taken in again, or its breaker changes. */
  readonly log: Log
}

/** How the targets of an upstream are used. */
export interface GuardCounts {
  /** Requests that were sent again. */
  repeated: number
  /** Those that were not, because the budget was spent. */
  unrepeated: number
}

/** The targets of an upstream: which one a request goes to, whether it goes again, and whether it goes at all. */
export class GuardedUpstream implements CallGuard {
  readonly targets: readonly GuardedTarget[]
  readonly retries: RetryRules | null
  readonly bulkhead: Bulkhead | null
  readonly counts: GuardCounts = { repeated: 0, unrepeated: 0 }
  readonly nowMs: MonotonicClock
  readonly #budget: RetryBudget | null
  readonly #parts: GuardParts
  #turn = 0

  constructor(
    name: string,
    { targets, ejection, breaker, retries, bulkhead }: GuardedUpstreamRules,
    parts: GuardParts
  ) {
    this.#parts = parts
    this.nowMs = parts.clock
    this.retries = retries
    this.#budget = retries === null ? null : new RetryBudget(retries)
    this.bulkhead = bulkhead === null ? null : new Bulkhead(bulkhead, parts.startTimer)
    const changed = (target: GuardedTarget, change: TargetChange): void => {
      parts.log(`the target of an upstream is ${change}`, { upstream: name, target: target.name, change })
    }
    const mayBeLeftOut = (target: GuardedTarget, nowMs: number): boolean =>
      this.targets.some(other => other !== target && other.weight > 0 && other.isInRotation(nowMs))
    this.targets = targets.map(target => new GuardedTarget({ ...target, ejection, breaker, mayBeLeftOut, changed }))
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#budget?.earn()
    new GuardedCall(this, options, handler).begin()
    return true
  }

  pick(tried: readonly GuardedTarget[]): GuardedTarget | null {
    return pickTarget(this.targets, { nowMs: this.nowMs(), tried, turn: this.#turn++ })
  }

  mayRepeat(): boolean {
    const may = this.#budget?.take() === true
    if (may) this.counts.repeated++
    else this.counts.unrepeated++
    return may
  }

  /** Runs something after a random part of the time that belongs to a repetition, so that they do not come together. */
  waitBefore(repetition: number, run: () => void): { readonly stop: () => void } {
    const mostMs = (this.retries?.backoffMs ?? 0) * 2 ** (repetition - 1)
    return this.#parts.startTimer(run, this.#parts.random() * mostMs)
  }

  /** Runs something when a sending has had its time; `null` where it may take all that is left. */
  limitAttempt(run: () => void): { readonly stop: () => void } | null {
    const { attemptTimeoutMs } = this.retries ?? {}
    return attemptTimeoutMs === undefined ? null : this.#parts.startTimer(run, attemptTimeoutMs)
  }

  /** Why nothing can be sent now, and when to try again. */
  unavailable(): Error {
    const untilMs = Math.min(...this.targets.flatMap(({ closedUntilMs }) => closedUntilMs ?? []))
    const seconds = Number.isFinite(untilMs) ? (untilMs - this.nowMs()) / 1000 : 1
    return withRetryAfter(new ForwardUnavailableError(), Math.max(1, seconds))
  }
}
