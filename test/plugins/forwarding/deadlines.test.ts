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
