import fc from 'fast-check'
import t from 'tap'
import { type PickedTarget, pickTarget } from '../../../../plugins/forwarding/src/resilience/pick-target.ts'

interface Candidate extends PickedTarget {
  pending: number
}

const candidate = fc.record({
  weight: fc.integer({ min: 0, max: 5 }),
  pending: fc.integer({ min: 0, max: 5 }),
  rotates: fc.boolean(),
  permits: fc.boolean()
})

function targetsOf(facts: ReadonlyArray<{ weight: number; pending: number; rotates: boolean; permits: boolean }>) {
  return facts.map(({ weight, pending, rotates, permits }): Candidate & { rotates: boolean; permits: boolean } => ({
    weight,
    pending,
    rotates,
    permits,
    credit: 0,
    isInRotation: () => rotates,
    isPermitted: () => permits
  }))
}

t.test('a target is picked that may be asked, in rotation and untried where there is such a one', async t => {
  const table = fc.tuple(fc.array(candidate, { minLength: 1, maxLength: 6 }), fc.nat(100), fc.array(fc.nat(5)))
  fc.assert(
    fc.property(table, ([facts, turn, places]) => {
      const targets = targetsOf(facts)
      const tried = places.flatMap(place => targets[place] ?? [])
      const picked = pickTarget(targets, { nowMs: 0, tried, turn })
      const permitted = targets.filter(({ weight, permits }) => weight > 0 && permits)
      if (picked === null) return permitted.length === 0
      const inRotation = permitted.filter(({ rotates }) => rotates)
      const untried = inRotation.filter(target => !tried.includes(target))
      return (
        permitted.includes(picked) &&
        (inRotation.length === 0 || picked.rotates) &&
        (untried.length === 0 || !tried.includes(picked))
      )
    })
  )
  t.pass()
})

t.test('targets of one weight: none that has fewer under way is passed over', async t => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }), fc.nat(100), (pending, turn) => {
      const targets = targetsOf(pending.map(each => ({ weight: 2, pending: each, rotates: true, permits: true })))
      return pickTarget(targets, { nowMs: 0, tried: [], turn })?.pending === Math.min(...pending)
    })
  )
  t.pass()
})

t.test('idle targets get exactly their shares in each round', async t => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 5 }), weights => {
      const targets = targetsOf(weights.map(weight => ({ weight, pending: 0, rotates: true, permits: true })))
      if (new Set(weights).size === 1) return true
      const counts = new Map<unknown, number>()
      const round = weights.reduce((sum, weight) => sum + weight, 0)
      for (let turn = 0; turn < 3 * round; turn++) {
        const picked = pickTarget(targets, { nowMs: 0, tried: [], turn })
        counts.set(picked, (counts.get(picked) ?? 0) + 1)
      }
      return targets.every(target => counts.get(target) === 3 * target.weight)
    })
  )
  t.pass()
})
