import { memoryRateLimitStore, redisRateLimitStore, type QuotaTake, type RateLimitStore } from '@sallyport/forwarding'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { startRedis, WITHOUT_REDIS } from '../../../support/redis-server.ts'

const take = (more: Partial<QuotaTake> = {}): QuotaTake => ({ key: 'one', quota: 2, windowMs: 3_600_000, ...more })

/** Whether each of the takes had room. */
async function rooms(store: RateLimitStore, ...takes: readonly QuotaTake[]): Promise<readonly boolean[]> {
  return (await store.take(takes)).map(({ hasRoom }) => hasRoom)
}

/** What every store holds to; by its own clock. */
async function checkStore(t: Test, store: RateLimitStore): Promise<void> {
  const [first] = await store.take([take()])
  t.match(first, { hasRoom: true, remaining: 1 })
  t.strictSame(await rooms(store, take()), [true])
  const [refused] = await store.take([take()])
  t.match(refused, { hasRoom: false, remaining: 0 })
  t.ok((refused?.moreInMs ?? 0) > 0)
  t.strictSame(await rooms(store, take({ key: 'two' })), [true], 'another key is counted alone')

  t.match(await store.take([take({ key: 'free' }), take()]), [
    { hasRoom: true, remaining: 2 },
    { hasRoom: false, remaining: 0 }
  ])
  t.match(await store.take([take({ key: 'free' })]), [{ remaining: 1 }], 'what one limit refuses, no other counts')
  t.strictSame(await rooms(store, take({ quota: 3 })), [true], 'a higher quota holds at once')
  t.strictSame(await rooms(store, take({ quota: 2 })), [false], 'a lower one too')

  const key = 'at-once'
  const many = await Promise.all(Array.from({ length: 20 }, async () => await rooms(store, take({ key, quota: 7 }))))
  t.equal(many.flat().filter(Boolean).length, 7, 'requests at the same time are counted one by one')
}

t.test('a store in memory admits as many as the quota, all limits of a request or none', async t => {
  await checkStore(
    t,
    memoryRateLimitStore(() => 1_800_000)
  )
})

t.test('a store in Redis does the same', { skip: WITHOUT_REDIS }, async t => {
  const command = await (await startRedis(t)).connect()
  await checkStore(t, redisRateLimitStore({ command }))
  const keys = await command(['KEYS', '*'])
  t.ok(Array.isArray(keys) && keys.length > 0)
  for (const key of [keys].flat()) {
    t.match(key, /^sallyport:\{limits\}:[\w-]{43}$/, 'a key tells nobody who calls')
    t.ok(Number(await command(['PTTL', String(key)])) > 0, 'and it does not stay')
  }
  t.throws(() => redisRateLimitStore({ command, prefix: 'limits:' }), RangeError)
  await t.rejects(async () => await redisRateLimitStore({ command: async () => ['x'] }).take([take()]), TypeError)
})

t.test('no window of time holds more than the quota, and what is said about waiting is true', async t => {
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 1500 }), tries: fc.integer({ min: 1, max: 6 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 8 }), async (steps, quota) => {
      let nowMs = 10_000_000
      const store = memoryRateLimitStore(() => nowMs)
      const admitted: number[] = []
      for (const { waitMs, tries } of steps) {
        nowMs += waitMs
        for (let at = 0; at < tries; at++) {
          const [standing] = await store.take([take({ quota, windowMs: 1000 })])
          if (standing?.hasRoom === true) admitted.push(nowMs)
          else if (standing !== undefined) {
            nowMs += Math.ceil(standing.moreInMs) - 1
            if (standing.moreInMs > 1) t.strictSame(await rooms(store, take({ quota, windowMs: 1000 })), [false])
            nowMs += 1
            t.strictSame(await rooms(store, take({ quota, windowMs: 1000 })), [true])
            admitted.push(nowMs)
          }
        }
      }
      // Within one window of the clock never; across two the last one is taken to have come evenly.
      const perWindow = Map.groupBy(admitted, ms => Math.floor(ms / 1000))
      for (const [, times] of perWindow) t.ok(times.length <= quota)
    }),
    { numRuns: 60 }
  )
})

t.test('memory is bounded: the partition that was used least recently is forgotten', async t => {
  const store = memoryRateLimitStore(() => 0, 2)
  for (const key of ['a', 'b', 'a', 'c']) await store.take([take({ key, quota: 9 })])
  t.match(await store.take([take({ key: 'a', quota: 9 })]), [{ remaining: 6 }])
  t.match(await store.take([take({ key: 'b', quota: 9 })]), [{ remaining: 8 }], 'it was forgotten')
})
