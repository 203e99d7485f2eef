import t from 'tap'
import { createCheckRunner, type CheckResult } from '../../../plugins/health/src/run-checks.ts'

const TIMEOUT_MS = 5

/** Errors of the checks that failed, by name. */
const failuresOf = (results: readonly CheckResult[]): ReadonlyMap<string, unknown> =>
  new Map(results.filter(({ passed }) => !passed).map(({ name, error }) => [name, error]))

/** A check of which the test ends each run itself. */
function byHand(): { check: () => Promise<void>; runs: Array<{ pass: () => void }> } {
  const runs: Array<{ pass: () => void }> = []
  return {
    runs,
    check: async () =>
      await new Promise<void>(resolve => {
        runs.push({ pass: resolve })
      })
  }
}

t.test('a check that hung is abandoned after its deadline and started again, and readiness recovers', async t => {
  let hangs = true
  let starts = 0
  const run = createCheckRunner(
    {
      database: async () => {
        starts++
        if (hangs) await new Promise(() => {})
      }
    },
    TIMEOUT_MS
  )
  t.match(failuresOf(await run()).get('database'), { message: /no answer within/ })
  hangs = false
  t.equal(failuresOf(await run()).size, 0)
  t.equal(starts, 2)
})

t.test('probes that come while a check is under way share it', async t => {
  const { check, runs } = byHand()
  const run = createCheckRunner({ database: check }, 60_000)
  const probes = [run(), run(), run()]
  await new Promise(setImmediate)
  t.equal(runs.length, 1)
  runs[0]?.pass()
  t.strictSame(
    (await Promise.all(probes)).map(results => failuresOf(results).size),
    [0, 0, 0]
  )
})

t.test(
  'of runs that do not end there are three, however many probes come; the next one follows ten deadlines later',
  async t => {
    const { check, runs } = byHand()
    let nowMs = 0
    const run = createCheckRunner({ database: check }, TIMEOUT_MS, () => nowMs)
    for (let i = 0; i < 20; i++) t.equal(failuresOf(await run()).size, 1)
    t.equal(runs.length, 3)
    t.match(failuresOf(await run()).get('database'), { message: '3 earlier runs of this check have not ended' })
    nowMs = 10 * TIMEOUT_MS
    await run()
    t.equal(runs.length, 4)
    await run()
    t.equal(runs.length, 4, 'and not at once again')
  }
)

t.test('an abandoned run that ends makes room, and its late success is nobody’s', async t => {
  const { check, runs } = byHand()
  const run = createCheckRunner({ database: check }, TIMEOUT_MS, () => 0)
  for (let i = 0; i < 3; i++) await run()
  runs[0]?.pass()
  await new Promise(setImmediate)
  t.equal(failuresOf(await run()).size, 1, 'a new run, which hangs')
  t.equal(runs.length, 4)
})

t.test('a check that throws at once fails alone', async t => {
  const run = createCheckRunner(
    {
      throws: () => {
        throw new Error('sync')
      },
      passes: async () => {}
    },
    TIMEOUT_MS
  )
  t.strictSame([...failuresOf(await run()).keys()], ['throws'])
})

t.test('a result says how long its check took, and never before the check has ended', async t => {
  let nowMs = 0
  const run = createCheckRunner(
    {
      fast: async () => {},
      slow: async () => {
        await new Promise(setImmediate)
        nowMs += 20
        throw new Error('down')
      }
    },
    60_000,
    () => nowMs
  )
  t.match(await run(), [
    { name: 'fast', passed: true, durationMs: 0 },
    { name: 'slow', passed: false, durationMs: 20, error: { message: 'down' } }
  ])
})
