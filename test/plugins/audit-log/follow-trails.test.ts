// Several trails, followed as one.
import { followTrails, readLiveSteps, type LiveStep, type LiveTrail, type TrailsStep } from '@sallyport/audit-log'
import t from 'tap'
import { placesText } from '../../../plugins/audit-log/src/search/trail-places.ts'

type Row = Extract<LiveStep, { kind: 'row' }>['row']

const at = (second: number, sequence: number): LiveStep => ({
  kind: 'row',
  row: { sequence, occurredAt: `2001-01-01T00:00:0${second}.000000Z`, action: `at.${second}` } as unknown as Row
})

/** A trail whose steps the test hands out, and what was asked of it. */
function trailOf(name: string) {
  const asked: (number | undefined)[] = []
  let steps: (LiveStep | Error)[] = []
  let more = Promise.withResolvers<void>()
  let taken = 0
  const trail: LiveTrail = {
    name,
    follow: async function* (after, signal) {
      asked.push(after)
      signal.addEventListener('abort', () => {
        more.resolve()
      })
      while (!signal.aborted) {
        const step = steps.shift()
        if (step instanceof Error) throw step
        if (step !== undefined) {
          taken++
          yield step
          continue
        }
        await more.promise
        more = Promise.withResolvers<void>()
      }
    }
  }
  return {
    trail,
    asked,
    taken: () => taken,
    say: (...next: (LiveStep | Error)[]) => {
      steps = [...steps, ...next]
      more.resolve()
    }
  }
}

/** A clock that the test moves; timers run when it has passed them. */
function movedClock() {
  let nowMs = 0
  const timers = new Map<() => void, number>()
  return {
    monotonicClock: () => nowMs,
    startTimer: (run: () => void, delayMs: number) => {
      timers.set(run, nowMs + delayMs)
      return { stop: () => timers.delete(run) }
    },
    pass: (ms: number) => {
      nowMs += ms
      for (const [run, dueMs] of timers) {
        if (dueMs > nowMs) continue
        timers.delete(run)
        run()
      }
    }
  }
}

const turn = async (): Promise<void> => {
  for (let n = 0; n < 5; n++) await new Promise(setImmediate)
}

/** Reads steps into a list, as `trail action` and so on. */
function reading(steps: AsyncGenerator<TrailsStep>) {
  const seen: string[] = []
  let next = ''
  const ended = (async () => {
    for await (const step of steps) {
      next = step.next
      if (step.kind === 'row') seen.push(`${step.row.trail} ${step.row.action}`)
      if (step.kind === 'missing') seen.push(`${step.missing.trail} missing ${step.missing.reason}`)
      if (step.kind === 'back') seen.push(`${step.trail} back`)
    }
  })()
  return { seen, ended, next: () => next }
}

t.test('rows of several trails come by time, and wait for earlier ones of others only so long', async t => {
  const [orders, deliveries, clock] = [trailOf('orders'), trailOf('deliveries'), movedClock()]
  const leaving = new AbortController()
  const options = { ...clock, signal: leaving.signal, settleMs: 1000 }
  const { seen, ended } = reading(followTrails([orders.trail, deliveries.trail], options))
  orders.say({ kind: 'place', sequence: 10 }, at(2, 11), at(4, 12))
  deliveries.say({ kind: 'place', sequence: 3 }, at(1, 4), at(3, 5))
  await turn()
  t.same(seen, ['deliveries at.1', 'orders at.2', 'deliveries at.3'], 'the last one may be preceded')
  clock.pass(999)
  await turn()
  t.equal(seen.length, 3)
  clock.pass(1)
  await turn()
  t.equal(seen.at(-1), 'orders at.4', 'and waits no longer')
  leaving.abort()
  await ended
})

t.test('a trail that names another one in its rows speaks for itself alone', async t => {
  const [orders, deliveries, clock] = [trailOf('orders'), trailOf('deliveries'), movedClock()]
  const leaving = new AbortController()
  const { seen, ended } = reading(
    followTrails([orders.trail, deliveries.trail], { ...clock, signal: leaving.signal, settleMs: 10 })
  )
  const forged = at(1, 11)
  if (forged.kind === 'row') Object.assign(forged.row, { trail: 'deliveries' })
  orders.say({ kind: 'place', sequence: 10 }, forged)
  await turn()
  clock.pass(10)
  await turn()
  t.same(seen, ['orders at.1'])
  leaving.abort()
  await ended
})

t.test('a trail that does not answer is named, holds up nobody, and goes on where it was', async t => {
  const [orders, deliveries, clock] = [trailOf('orders'), trailOf('deliveries'), movedClock()]
  const leaving = new AbortController()
  const options = { ...clock, signal: leaving.signal, settleMs: 1000, retryMs: 2000 }
  const { seen, ended } = reading(followTrails([orders.trail, deliveries.trail], options))
  orders.say({ kind: 'place', sequence: 10 }, at(1, 11), Object.assign(new Error(), { code: 'ECONNREFUSED' }))
  deliveries.say({ kind: 'place', sequence: 3 }, at(2, 4))
  await turn()
  t.same(seen.toSorted(), ['deliveries at.2', 'orders at.1', 'orders missing ECONNREFUSED'])
  deliveries.say(at(5, 5))
  await turn()
  t.equal(seen.at(-1), 'deliveries at.5', 'the rest does not wait for it')
  orders.say(at(3, 12))
  clock.pass(2000)
  await turn()
  clock.pass(1000)
  await turn()
  t.same(seen.slice(-2), ['orders back', 'orders at.3'])
  t.same(orders.asked, [undefined, 11], 'from after the last row that it gave')
  leaving.abort()
  await ended
})

t.test('a cursor goes on in every trail, also in one that said nothing but its place', async t => {
  const [orders, quiet, clock] = [trailOf('orders'), trailOf('quiet'), movedClock()]
  const leaving = new AbortController()
  const first = reading(followTrails([orders.trail, quiet.trail], { ...clock, signal: leaving.signal, settleMs: 10 }))
  orders.say({ kind: 'place', sequence: 10 }, at(1, 11))
  quiet.say({ kind: 'place', sequence: 7 })
  await turn()
  clock.pass(10)
  await turn()
  t.same(first.seen, ['orders at.1'])
  leaving.abort()
  await first.ended
  const [again, quietAgain, coming] = [trailOf('orders'), trailOf('quiet'), new AbortController()]
  const options = { ...clock, signal: coming.signal, after: first.next() }
  const second = reading(followTrails([again.trail, quietAgain.trail], options))
  await turn()
  t.same([again.asked, quietAgain.asked], [[11], [7]])
  coming.abort()
  await second.ended
  t.throws(() => followTrails([], { signal: coming.signal, after: 'x' }), { code: 'SALLYPORT_AUDIT_QUERY_INVALID' })
})

t.test(
  'no row is told before it is known where every trail begins, or one of them does not say it in time',
  async t => {
    const [orders, late, clock] = [trailOf('orders'), trailOf('late'), movedClock()]
    const leaving = new AbortController()
    const steps = followTrails([orders.trail, late.trail], { ...clock, signal: leaving.signal, settleMs: 10 })
    orders.say({ kind: 'place', sequence: 10 }, at(1, 11))
    const first = steps.next()
    await turn()
    late.say({ kind: 'place', sequence: 7 })
    const places = new Map([
      ['orders', 10],
      ['late', 7]
    ])
    t.match(
      await first,
      { value: { kind: 'quiet', next: placesText(places) } },
      'who loses the stream now misses no row'
    )
    clock.pass(10)
    t.match(await steps.next(), { value: { kind: 'row', next: placesText(places.set('orders', 11)) } })
    const [silent, again] = [trailOf('silent'), trailOf('orders')]
    const impatient = followTrails([again.trail, silent.trail], { ...clock, signal: leaving.signal, settleMs: 10 })
    again.say({ kind: 'place', sequence: 10 }, at(1, 11))
    const begun = impatient.next()
    await turn()
    clock.pass(10)
    t.match(await begun, { value: { kind: 'quiet', next: placesText(new Map([['orders', 10]])) } })
    leaving.abort()
    for (const each of [steps, impatient]) await each.return(undefined)
  }
)

t.test('a reader who takes nothing costs some rows of each trail, and no more is read', async t => {
  const [busy, clock] = [trailOf('busy'), movedClock()]
  const leaving = new AbortController()
  const steps = followTrails([busy.trail], { ...clock, signal: leaving.signal, settleMs: 0 })
  busy.say({ kind: 'place', sequence: 0 }, ...Array.from({ length: 5000 }, (_, n) => at(1, n + 1)))
  t.match(await steps.next(), { value: { kind: 'quiet' } }, 'where it begins')
  t.match(await steps.next(), { value: { row: { sequence: 1 } } })
  await turn()
  t.ok(busy.taken() <= 60, `${busy.taken()} of 5000 are read`)
  const rest: number[] = []
  while (rest.length < 4999) {
    const { value } = (await steps.next()) as { value: TrailsStep }
    if (value.kind === 'row') rest.push(value.row.sequence)
  }
  t.same(
    rest,
    Array.from({ length: 4999 }, (_, n) => n + 2),
    'and then all of them, in their order'
  )
  leaving.abort()
  await steps.return(undefined)
})

t.test('what another process sends is read with its places, and refused where it is no trail', async t => {
  async function* sent(...parts: string[]): AsyncGenerator<Uint8Array> {
    for (const part of parts) yield Buffer.from(part)
  }
  const read = async (...parts: string[]): Promise<LiveStep[]> => {
    const steps: LiveStep[] = []
    for await (const step of readLiveSteps(sent(...parts))) steps.push(step)
    return steps
  }
  const row = { sequence: 5, occurredAt: '2001-01-01T00:00:00.000000Z' }
  t.same(
    await read(': the trail\nid: 4\n', '\nid: 5\nevent: au', `dit\ndata: ${JSON.stringify(row)}\n\n: nothing\n\n`),
    [{ kind: 'place', sequence: 4 }, { kind: 'row', row }, { kind: 'quiet' }]
  )
  await t.rejects(read('event: audit\ndata: {"secret":1}\n\n'), { message: 'no row of a trail' })
  await t.rejects(read('x'.repeat(1_048_577)), { message: 'an event does not end' })
})
