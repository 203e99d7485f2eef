import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import t from 'tap'
import {
  mergeMetrics,
  writeMetrics,
  type MetricSnapshot
} from '../../../../plugins/service-process/src/workers/merge-metrics.ts'
import { WorkerTotals } from '../../../../plugins/service-process/src/workers/worker-totals.ts'

/** A worker with one metric of each kind, as the client gives them. */
async function worker(requests: number, open: number, seconds: readonly number[], delay: number) {
  const registry = new Registry()
  registry.setDefaultLabels({ process: 'gateway' })
  const registers = [registry]
  const counter = new Counter({ name: 'requests_total', help: 'Requests', labelNames: ['route'], registers })
  counter.inc({ route: '/a' }, requests)
  new Gauge({ name: 'connections', help: 'Open', registers }).set(open)
  new Gauge({ name: 'delay_seconds', help: 'Delay', aggregator: 'max', registers }).set(delay)
  new Gauge({ name: 'ready', help: 'Ready', aggregator: 'min', registers }).set(delay > 1 ? 0 : 1)
  const histogram = new Histogram({ name: 'duration_seconds', help: 'Time', buckets: [0.1, 1], registers })
  for (const each of seconds) histogram.observe(each)
  return (await registry.getMetricsAsJSON()) as unknown as readonly MetricSnapshot[]
}

t.test('counters and histograms of workers add up, and gauges become what they declare', async t => {
  const merged = mergeMetrics([await worker(3, 2, [0.05, 5], 0.2), await worker(4, 1, [0.5], 2)])
  const text = writeMetrics(merged)
  for (const line of [
    'requests_total{route="/a",process="gateway"} 7',
    'connections{process="gateway"} 3',
    'delay_seconds{process="gateway"} 2',
    'ready{process="gateway"} 0',
    'duration_seconds_bucket{le="0.1",process="gateway"} 1',
    'duration_seconds_bucket{le="1",process="gateway"} 2',
    'duration_seconds_bucket{le="+Inf",process="gateway"} 3',
    'duration_seconds_count{process="gateway"} 3',
    '# TYPE duration_seconds histogram'
  ]) {
    t.ok(text.split('\n').includes(line), `${line}\n${text}`)
  }
  t.match(text, /duration_seconds_sum\{process="gateway"\} 5\.5/)
})

t.test('a series that one worker alone has stays what it is, and what is left out is not there', t => {
  const of = (name: string, aggregator: string, value: number): MetricSnapshot[] => [
    { name, help: 'x', type: 'gauge', aggregator, values: [{ labels: {}, value }] }
  ]
  t.same(
    mergeMetrics([of('a', 'max', 1), of('b', 'omit', 1)]).map(({ values }) => values.length),
    [1, 0]
  )
  t.match(mergeMetrics([of('a', 'average', 1), of('a', 'average', 2)]), [{ values: [{ value: 1.5 }] }])
  t.match(mergeMetrics([of('a', 'first', 1), of('a', 'first', 2)]), [{ values: [{ value: 1 }] }])
  t.match(mergeMetrics([of('a', 'unknown', 1), of('a', 'unknown', 2)]), [{ values: [{ value: 3 }] }])
  t.end()
})

t.test('texts of labels cannot end their line', t => {
  const text = writeMetrics([
    {
      name: 'a',
      help: 'one\ntwo\\',
      type: 'gauge',
      values: [
        { labels: { it: 'a"b\nc\\' }, value: Number.NaN },
        { labels: {}, value: Infinity },
        { labels: { le: 1 }, value: -Infinity }
      ]
    }
  ])
  t.equal(text, '# HELP a one\\ntwo\\\\\n# TYPE a gauge\na{it="a\\"b\\nc\\\\"} NaN\na +Inf\na{le="1"} -Inf\n')
  t.end()
})

t.test('what a worker has counted stays counted when it has ended, and its gauges do not', async t => {
  const totals = new WorkerTotals()
  totals.note(1, await worker(3, 2, [0.05], 0))
  totals.note(2, await worker(4, 1, [], 0))
  totals.note(1, await worker(5, 2, [0.05], 0))
  const valueOf = (name: string): number | undefined =>
    totals
      .all()
      .find(metric => metric.name === name)
      ?.values.find(({ metricName = name }) => metricName === name)?.value
  t.equal(valueOf('requests_total'), 9, 'the last look at each')
  totals.end(1)
  t.equal(valueOf('requests_total'), 9)
  t.equal(valueOf('connections'), 1)
  totals.note(3, await worker(1, 1, [], 0))
  totals.end(2)
  totals.end(9)
  t.equal(valueOf('requests_total'), 10)
  totals.end(3)
  t.equal(valueOf('requests_total'), 10)
  t.equal(valueOf('connections'), undefined)
})
