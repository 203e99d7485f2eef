import fc from 'fast-check'
import t from 'tap'
import {
  createRefusalCounts,
  type RefusalCounts,
  type RefusalTally
} from '../../../plugins/audit-log/src/refusal-counts.ts'

function countsOf(maxKeys: number): RefusalCounts<string> {
  let ids = 0
  return createRefusalCounts<string>(maxKeys, () => `t-${ids++}`)
}

t.test(
  'the first of a kind is handed out at once, what follows as one count per interval, and a quiet kind is forgotten',
  async t => {
    const counts = countsOf(10)
    const first = counts.count('a', () => 'sample', 1)
    t.match(first, { kind: 'first', sample: 'sample', repeats: 1, firstAtMs: 1, lastAtMs: 1 })
    counts.written(first!)
    for (let at = 2; at <= 100; at++) {
      t.equal(
        counts.count(
          'a',
          () => {
            throw new Error('asked twice')
          },
          at
        ),
        null
      )
    }
    const [more, ...rest] = counts.collect()
    t.match(more, { kind: 'more', sample: 'sample', repeats: 99, firstAtMs: 2, lastAtMs: 100 })
    t.same(rest, [])
    counts.written(more!)
    t.equal(counts.unwritten(), 0)
    t.same(counts.collect(), [], 'an interval without any')
    t.equal(counts.size(), 0)
    t.match(
      counts.count('a', () => 'again', 200),
      { kind: 'first', sample: 'again' }
    )
  }
)

t.test('kinds beyond the cap are one count, and get a place of their own once there is one', async t => {
  const counts = countsOf(2)
  const handedOut = ['a', 'b', 'c', 'd', 'd'].map((key, at) => counts.count(key, () => key, at))
  t.match(handedOut, [{ kind: 'first' }, { kind: 'first' }, null, null, null])
  handedOut.forEach(tally => {
    if (tally !== null) counts.written(tally)
  })
  const [others, ...rest] = counts.collect()
  t.match(others, { kind: 'others', sample: null, repeats: 3, firstAtMs: 2, lastAtMs: 4 })
  t.same(rest, [])
  counts.written(others!)
  counts.collect()
  t.match(
    counts.count('c', () => 'c', 9),
    { kind: 'first', sample: 'c' }
  )
})

t.test(
  'a tally that could not be written is handed out again as it was, and what follows is not added to it',
  async t => {
    const counts = countsOf(2)
    const first = counts.count('a', () => 'a', 1)!
    t.same(counts.collect(), [], 'while it is under way nothing of its kind is handed out')
    counts.count('a', () => 'a', 2)
    counts.failed(first)
    t.same(counts.collect(), [first], 'the same id, so that a repetition cannot count twice')
    counts.written(first)
    t.match(counts.collect(), [{ kind: 'more', repeats: 1 }])
  }
)

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('count' as const), key: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), at: fc.nat(), isWritten: fc.boolean() }) }
)

t.test(
  'whatever happens in whatever order: written and unwritten are what was counted, kinds stay bounded, no tally is written twice',
  async t => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (steps, maxKeys) => {
        const counts = countsOf(maxKeys)
        const underWay: Array<RefusalTally<string>> = []
        const done = new Set<string>()
        let counted = 0
        let written = 0
        for (const [now, taken] of steps.entries()) {
          if (taken.kind === 'count') {
            counted++
            const first = counts.count(`k${taken.key}`, () => 's', now)
            if (first !== null) underWay.push(first)
          } else if (taken.kind === 'collect') {
            underWay.push(...counts.collect())
          } else if (underWay.length > 0) {
            const [tally] = underWay.splice(taken.at % underWay.length, 1)
            if (taken.isWritten) {
              if (done.has(tally!.id)) throw new Error('written twice')
              done.add(tally!.id)
              written += tally!.repeats
              counts.written(tally!)
            } else {
              counts.failed(tally!)
            }
          }
          if (written + counts.unwritten() !== counted) {
            throw new Error(`${written} + ${counts.unwritten()} are not ${counted}`)
          }
          if (counts.size() > maxKeys) throw new Error('too many kinds')
          if (new Set(underWay.map(({ id }) => id)).size !== underWay.length) throw new Error('handed out twice')
        }
      }),
      { numRuns: 500 }
    )
    t.pass()
  }
)
