import t from 'tap'
import { RememberedOnce } from '../../../../plugins/service-process/src/workers/remembered-once.ts'
import { RestartPace } from '../../../../plugins/service-process/src/workers/restart-pace.ts'
import { workerPlace } from '../../../../plugins/service-process/src/workers/worker-place.ts'

t.test('a worker that ends again and again is started ever more slowly, and at last not at all', t => {
  let now = 0
  const pace = new RestartPace(9, () => now)
  t.same(
    Array.from({ length: 10 }, () => pace.pauseAfterEnd()),
    [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, null]
  )
  now = 60_000
  t.equal(pace.pauseAfterEnd(), 100, 'a minute later it is as at first')
  t.end()
})

t.test('what was used in one worker is used in all, until it is over or too many came after it', t => {
  let now = 0
  const used = new RememberedOnce(2, () => now)
  t.equal(used.record('a', 100), true)
  t.equal(used.record('a', 100), false)
  now = 100
  t.equal(used.record('a', 200), true, 'it could not be used again in any case')
  t.equal(used.record('b', 200), true)
  t.equal(used.record('c', 200), true)
  t.equal(used.record('b', 200), false)
  t.equal(used.record('a', 200), true, 'forgotten first')
  t.end()
})

t.test('a process that no supervisor has started is no worker, whatever its environment says', t => {
  t.equal(workerPlace({ WORKER_SLOT: '1' }, 2), null)
  t.end()
})
