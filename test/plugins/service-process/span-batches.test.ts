import { SpanStatusCode } from '@opentelemetry/api'
import { NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import { keepErrorsSampler } from '../../../plugins/service-process/src/keep-errors-sampler.ts'
import { SpanBatches, type SendSpans } from '../../../plugins/service-process/src/span-batches.ts'

/** A tracer whose batches are sent when the test says so. */
function batched({ send, maxQueued = 10, ratio = 1 }: { send: SendSpans; maxQueued?: number; ratio?: number }) {
  const lines: string[] = []
  const due: Array<() => Promise<void>> = []
  const batches = new SpanBatches({
    send,
    delayMs: 1000,
    maxQueued,
    maxBatch: 1000,
    log: { warn: (_detail, message) => lines.push(message), info: (_detail, message) => lines.push(message) },
    schedule: run => {
      due.push(run)
      return { stop: () => {} }
    }
  })
  const provider = new NodeTracerProvider({
    spanProcessors: [batches],
    sampler: keepErrorsSampler('parentbased_traceidratio', ratio)
  })
  return { batches, tracer: provider.getTracer('test'), provider, lines, due }
}

const namesOf = (spans: readonly ReadableSpan[]): string[] => spans.map(({ name }) => name)

t.test('spans wait for the timer and leave together', async t => {
  const sent: string[][] = []
  const { tracer, due, batches } = batched({ send: async spans => void sent.push(namesOf(spans)) })
  tracer.startSpan('a').end()
  tracer.startSpan('b').end()
  t.same([sent, due.length], [[], 1])
  await due[0]?.()
  await batches.forceFlush()
  t.same(sent, [['a', 'b']])
  t.match(batches.counts(), { exported: 2, dropped: 0, failed: 0, waiting: 0 })
})

t.test('of what is not sampled only errors are kept', async t => {
  const sent: string[][] = []
  const { tracer, batches } = batched({ send: async spans => void sent.push(namesOf(spans)), ratio: 0 })
  tracer.startSpan('fine').end()
  const failing = tracer.startSpan('failing')
  failing.setStatus({ code: SpanStatusCode.ERROR })
  failing.end()
  await batches.forceFlush()
  t.same(sent, [['failing']])
})

t.test('what does not fit is dropped and counted', async t => {
  const { tracer, provider, batches, lines } = batched({ send: async () => {}, maxQueued: 2 })
  for (const name of ['a', 'b', 'c']) tracer.startSpan(name).end()
  t.match(batches.counts(), { dropped: 1, waiting: 2 })
  await provider.shutdown()
  t.match(batches.counts(), { exported: 2, dropped: 1, waiting: 0 })
  t.same(lines, ['spans were lost'])
})

t.test('a dead collector costs one line, and one more when it is back', async t => {
  let isAway = true
  const { tracer, batches, lines } = batched({
    send: async () => {
      if (isAway) throw new Error('connect ECONNREFUSED')
    }
  })
  for (const name of ['a', 'b']) {
    tracer.startSpan(name).end()
    await batches.forceFlush()
  }
  t.same(lines, ['traces are not exported'])
  t.match(batches.counts(), { failed: 2, exported: 0 })
  isAway = false
  tracer.startSpan('c').end()
  await batches.forceFlush()
  t.same(lines, ['traces are not exported', 'traces are exported again'])
})
