import fc from 'fast-check'
import t from 'tap'
import {
  breakerAfterCall,
  type BreakerOutcome,
  breakerPermits,
  type BreakerRules,
  type BreakerState,
  breakerWithCall,
  FIRST_BREAKER_STATE
} from '../../../../plugins/forwarding/src/resilience/breaker-state.ts'

/** Time passes, a call wants to begin, or the n-th of the calls under way ends. */
type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'ask' }
  | { readonly kind: 'end'; readonly place: number; readonly outcome: BreakerOutcome }

const outcome = fc.constantFrom<BreakerOutcome>('succeeded', 'failed', 'failed', 'unknown')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 150 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), place: fc.nat(20), outcome }) }
)
const rules: fc.Arbitrary<BreakerRules> = fc.record({
  window: fc.integer({ min: 3, max: 8 }),
  minimumCalls: fc.integer({ min: 1, max: 3 }),
  failurePercent: fc.integer({ min: 1, max: 100 }),
  openMs: fc.integer({ min: 1, max: 100 }),
  probes: fc.integer({ min: 1, max: 3 })
})

/** A breaker with its calls under way, on a clock of its own. */
class Machine {
  state: BreakerState = FIRST_BREAKER_STATE
  nowMs = 0
  readonly calls: number[] = []
  readonly rules: BreakerRules

  constructor(given: BreakerRules) {
    this.rules = given
  }

  run(next: Step): void {
    if (next.kind === 'wait') this.nowMs += next.ms
    else if (next.kind === 'ask') {
      if (!breakerPermits(this.state, this.nowMs, this.rules)) return
      this.state = breakerWithCall(this.state)
      this.calls.push(this.state.era)
    } else this.end(next.place, next.outcome)
  }

  end(place: number, how: BreakerOutcome): void {
    const [era] = this.calls.splice(place % Math.max(1, this.calls.length), 1)
    if (era !== undefined) this.state = breakerAfterCall(this.state, { era, outcome: how }, this.nowMs, this.rules)
  }
}

/** Checks something after each step of any run. */
function always(check: (machine: Machine, next: Step, before: BreakerState) => boolean): void {
  fc.assert(
    fc.property(rules, fc.array(step, { maxLength: 60, size: 'max' }), (given, steps) => {
      const machine = new Machine(given)
      return steps.every(next => {
        const before = machine.state
        machine.run(next)
        return check(machine, next, before)
      })
    }),
    { numRuns: 300 }
  )
}

t.test('an open breaker lets nothing pass until its time is over, and then no more than its probes', async t => {
  always(({ state, nowMs, rules: given, calls }) => {
    if (state.kind === 'open') return breakerPermits(state, nowMs, given) === nowMs >= state.untilMs
    if (state.kind === 'half-open') {
      const probing = calls.filter(era => era === state.era).length
      return state.probing === probing && probing + state.passed <= given.probes
    }
    return breakerPermits(state, nowMs, given)
  })
  t.pass()
})

t.test('it opens at a share of failures among the last calls, and by a failed probe', async t => {
  always(({ state, rules: given, nowMs }, next, before) => {
    if (before.kind === 'closed' && state.kind === 'closed') {
      const failed = state.failures.filter(Boolean).length
      const { length } = state.failures
      return length <= given.window && (length < given.minimumCalls || failed * 100 < given.failurePercent * length)
    }
    if (before.kind !== 'open' && state.kind === 'open') {
      return next.kind === 'end' && next.outcome === 'failed'
        ? state.untilMs === nowMs + given.openMs
        : // A success can bring the number of calls to the minimum.
          before.kind === 'closed' && next.kind === 'end' && next.outcome === 'succeeded'
    }
    return true
  })
  t.pass()
})

t.test('a call says nothing about a time in which it did not begin', async t => {
  always((machine, _next, _before) => {
    const stale = machine.calls.filter(era => era !== machine.state.era)
    return stale.every(era =>
      (['succeeded', 'failed', 'unknown'] as const).every(
        how => breakerAfterCall(machine.state, { era, outcome: how }, machine.nowMs, machine.rules) === machine.state
      )
    )
  })
  t.pass()
})

t.test('it closes by as many successful probes as it needs, and a call that is given up leaves no trace', async t => {
  always(({ state, rules: given }, next, before) => {
    if (before.kind === 'half-open' && state.kind === 'closed') {
      return before.passed + 1 === given.probes && next.kind === 'end' && next.outcome === 'succeeded'
    }
    if (next.kind === 'end' && next.outcome === 'unknown') return state.kind === before.kind
    return true
  })
  t.pass()
})

t.test('no place of a probe is ever lost: whatever happened, a target that is well gets all calls again', async t => {
  fc.assert(
    fc.property(rules, fc.array(step, { maxLength: 60, size: 'max' }), (given, steps) => {
      const machine = new Machine(given)
      for (const next of steps) machine.run(next)
      while (machine.calls.length > 0) machine.end(0, 'unknown')
      // A success can bring the number of calls to the minimum, and so open it once more.
      for (let call = 0; call < 2 * (given.probes + given.minimumCalls); call++) {
        if (machine.state.kind === 'open') machine.nowMs = Math.max(machine.nowMs, machine.state.untilMs)
        if (!breakerPermits(machine.state, machine.nowMs, given)) return false
        machine.run({ kind: 'ask' })
        machine.end(0, 'succeeded')
      }
      return machine.state.kind === 'closed'
    }),
    { numRuns: 300 }
  )
  t.pass()
})
