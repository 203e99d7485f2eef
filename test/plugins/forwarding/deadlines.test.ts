import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createDeadlines, type TimedCall } from '../../../plugins/forwarding/src/lean/deadlines.ts'
import { until } from '../../support/edge.ts'

const NEVER_MS = Number.MAX_SAFE_INTEGER

function callUntil(deadlineAtMs: number, expire: () => void = () => {}): TimedCall & { deadlineAtMs: number } {
  return { deadlineAtMs, place: -1, expire }
}

t.test('a call expires once its deadline has passed, and no other does, whatever the others do meanwhile', async t => {
  const deadlines = createDeadlines()
  const ended: string[] = []
  const late = callUntil(NEVER_MS, () => ended.push('late'))
  const forgotten = callUntil(0, () => ended.push('forgotten'))
  const first = callUntil(0, () => {
    ended.push('first')
    deadlines.forget(first)
    deadlines.forget(forgotten)
  })
  const last = callUntil(0, () => {
    ended.push('last')
    deadlines.forget(last)
  })
  for (const call of [first, late, forgotten, last]) deadlines.watch(call)
  deadlines.watch(last)
  await until(() => ended.length >= 2)
  t.strictSame(ended, ['first', 'last'])
  late.deadlineAtMs = 0
  await until(() => ended.includes('late'))
  deadlines.forget(late)
  deadlines.forget(late)
  t.strictSame(
    [first, late, forgotten, last].map(({ place }) => place),
    [-1, -1, -1, -1]
  )
})

t.test('a call that has ended is garbage of the young generation', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const deadlines = createDeadlines()
  const CALLS = 2000
  const CALL_BYTES = 8192
  const oneRound = (): void => {
    let before: TimedCall | null = null
    for (let at = 0; at < CALLS; at++) {
      const call = Object.assign(callUntil(NEVER_MS), { kept: new Array(CALL_BYTES / 8).fill(at) })
      deadlines.watch(call)
      if (before !== null) deadlines.forget(before)
      before = call
      // What is here now comes to the old generation.
      if (at % 100 === 0) for (let times = 0; times < 2; times++) collect({ type: 'minor' })
    }
    if (before !== null) deadlines.forget(before)
  }
  collect()
  const before = process.memoryUsage().heapUsed
  oneRound()
  collect({ type: 'minor' })
  t.ok(process.memoryUsage().heapUsed - before < (CALLS * CALL_BYTES) / 4)
})
