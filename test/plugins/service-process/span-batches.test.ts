import t from 'tap'
import { spanMeasurements } from '../../../plugins/service-process/src/measure-spans.ts'
import { BATCH_REFUSED, SpanBatches, type SendSpans } from '../../../plugins/service-process/src/span-batches.ts'
import type { SpanRecord } from '../../../plugins/service-process/src/span-record.ts'
import { endedSpan } from './support/ended-span.ts'

/** A collector that takes everything, and what it got. */
function collecting(): { sent: string[][]; send: SendSpans } {
  const sent: string[][] = []
  return {
    sent,
    send: async spans => {
      sent.push(namesOf(spans))
      return 0
    }
  }
}

/** Batches that are sent when the test says so. */
function batched({
  send,
  maxQueued = 10,
  maxBatch = 1000
}: {
  send: SendSpans
  maxQueued?: number
  maxBatch?: number
}) {
  const lines: string[] = []
  const due: Array<() => Promise<void>> = []
  const pausesMs: number[] = []
  const batches = new SpanBatches({
    send,
    delayMs: 1000,
    maxQueued,
    maxBatch,
    random: () => 1,
    log: { warn: (_detail, message) => lines.push(message), info: (_detail, message) => lines.push(message) },
    schedule: (run, pauseMs) => {
      due.push(run)
      pausesMs.push(pauseMs)
      return { stop: () => {} }
    }
  })
  const end = (name: string): void => {
    batches.take(endedSpan({ name }))
  }
  return { batches, end, lines, due, pausesMs }
}

const namesOf = (spans: readonly SpanRecord[]): string[] => spans.map(({ name }) => name)

t.test('spans wait for the timer and leave together', async t => {
  const { sent, send } = collecting()
  const { end, due, batches } = batched({ send })
  end('a')
  end('b')
  t.same([sent, due.length], [[], 1])
  await due[0]?.()
  await batches.forceFlush()
  t.same(sent, [['a', 'b']])
  t.match(batches.counts(), { exported: 2, dropped: 0, failed: 0, waiting: 0 })
})

t.test('what does not fit is dropped and counted', async t => {
  const { end, batches, lines } = batched({ send: async () => 0, maxQueued: 2 })
  for (const name of ['a', 'b', 'c']) end(name)
  t.match(batches.counts(), { dropped: 1, waiting: 2 })
  await batches.close()
  t.match(batches.counts(), { exported: 2, dropped: 1, waiting: 0 })
  t.same(lines, ['spans were lost'])
})

t.test('a collector that is away costs one line; nothing is lost within the bound, and the pauses grow', async t => {
  let isAway = true
  const { sent, send } = collecting()
  const { end, batches, lines, due, pausesMs } = batched({
    maxQueued: 3,
    send: async spans => {
      if (isAway) throw new Error('connect ECONNREFUSED')
      return await send(spans)
    }
  })
  for (const name of ['a', 'b', 'c', 'd']) {
    end(name)
    await batches.forceFlush()
  }
  t.same(lines, ['traces are not exported'])
  t.match(batches.counts(), { exported: 0, dropped: 1, failed: 0, waiting: 3 })
  t.same(pausesMs.slice(1), [1000, 2000, 4000, 8000])
  isAway = false
  await due.at(-1)?.()
  await batches.forceFlush()
  t.same(sent, [['a', 'b', 'c']])
  t.same(lines, ['traces are not exported', 'traces are exported again'])
  t.match(batches.counts(), { exported: 3, dropped: 1, failed: 0, waiting: 0 })
})

t.test('what waits and what is under way share one bound, however slow the collector is', async t => {
  const taken = Promise.withResolvers<number>()
  const { end, batches } = batched({ maxQueued: 4, maxBatch: 2, send: () => taken.promise })
  for (let number = 0; number < 1000; number++) end(String(number))
  t.match(batches.counts(), { dropped: 996, waiting: 4 })
  taken.resolve(0)
  await batches.forceFlush()
  t.match(batches.counts(), { exported: 4, waiting: 0 })
})

t.test('the wait that the collector asks for is heeded', async t => {
  const { end, batches, pausesMs } = batched({
    send: async () => {
      throw Object.assign(new Error('The collector answered 429'), { retryAfterSeconds: 30 })
    }
  })
  end('a')
  await batches.forceFlush()
  t.same(pausesMs.slice(1), [30_000])
})

t.test('what the collector refuses is not sent again', async t => {
  const sent: string[][] = []
  const { end, batches } = batched({
    send: async spans => {
      sent.push(namesOf(spans))
      if (sent.length > 1) return 1
      throw Object.assign(new Error('The collector answered 400'), { code: BATCH_REFUSED })
    }
  })
  end('a')
  await batches.forceFlush()
  end('b')
  end('c')
  await batches.forceFlush()
  t.same(sent, [['a'], ['b', 'c']])
  t.match(batches.counts(), { exported: 1, failed: 2, waiting: 0 })
})

t.test('the end is one last attempt', async t => {
  let attempts = 0
  const { end, batches, lines } = batched({
    send: async () => {
      attempts++
      throw new Error('connect ECONNREFUSED')
    }
  })
  end('a')
  await batches.close()
  t.equal(attempts, 1)
  t.match(batches.counts(), { failed: 1, waiting: 0 })
  t.same(lines, ['traces are not exported', 'spans were lost'])
})

t.test('operators see what was exported, what was lost and why, and what waits', async t => {
  const { end, batches } = batched({ send: async () => 1, maxQueued: 3 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) end(name)
  const read = (): unknown => Object.fromEntries(spanMeasurements(() => batches.counts()).map(m => [m.name, m.read()]))
  const lost = (refused: number): object[] => [
    { labels: { reason: 'queue_full' }, value: 2 },
    { labels: { reason: 'refused' }, value: refused }
  ]
  t.strictSame(read(), {
    sallyport_spans_exported_total: 0,
    sallyport_spans_lost_total: lost(0),
    sallyport_spans_waiting: 3
  })
  await batches.forceFlush()
  t.strictSame(read(), {
    sallyport_spans_exported_total: 2,
    sallyport_spans_lost_total: lost(1),
    sallyport_spans_waiting: 0
  })
})
