import { Gauge } from '@prometheus-io/client'
import metrics from '@sallyport/metrics'
import securityContext, { offerMeasurements, type Measurement } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

const gauge = (name: string, read: Measurement['read'], labels?: readonly string[]): Measurement => ({
  name,
  help: `Help of ${name}`,
  kind: 'gauge',
  read,
  ...(labels && { labels })
})

async function measuredApp(t: Test, measurementTimeoutMs = 1000) {
  const lines: string[] = []
  const app: FastifyInstance = Fastify({ logger: { level: 'warn', stream: { write: line => lines.push(line) } } })
  const operations = Fastify()
  t.teardown(() => Promise.all([app.close(), operations.close()]))
  await app.register(securityContext)
  await app.register(metrics, { exposeOn: operations, processMetrics: false, measurementTimeoutMs })
  const scrape = async (accept = '*/*') => await operations.inject({ url: '/metrics', headers: { accept } })
  const samples = async (name: string) =>
    (await scrape()).body.split('\n').filter(line => line.startsWith(name) && !line.startsWith('#'))
  return { app, lines, scrape, samples }
}

t.test('what is offered is read at each scrape and at no other time, also when it was offered late', async t => {
  const { app, scrape, samples } = await measuredApp(t)
  let reads = 0
  offerMeasurements(app, [gauge('queue_length', () => ++reads)])
  app.get('/', async () => 'ok')
  await app.inject('/')
  t.equal(reads, 0)
  t.strictSame(await samples('queue_length'), ['queue_length 1'])
  offerMeasurements(app, [gauge('late', async () => 7)])
  t.strictSame(await samples('late'), ['late 7'])
  t.match((await scrape()).body, '# HELP queue_length Help of queue_length\n# TYPE queue_length gauge\nqueue_length 3')
})

t.test('a counter shows what was counted, and a series that is gone is gone', async t => {
  const { app, samples } = await measuredApp(t)
  let counted = 5
  let upstreams = ['a', 'b']
  offerMeasurements(app, [
    { name: 'things_total', help: 'Things', kind: 'counter', read: () => counted },
    gauge('running', () => upstreams.map(upstream => ({ labels: { upstream }, value: 1 })), ['upstream'])
  ])
  t.strictSame(await samples('things_total'), ['things_total 5'])
  t.strictSame(await samples('running'), ['running{upstream="a"} 1', 'running{upstream="b"} 1'])
  counted = 8
  upstreams = ['b']
  t.strictSame(await samples('things_total'), ['things_total 8'])
  t.strictSame(await samples('running'), ['running{upstream="b"} 1'])
})

t.test('a measurement with nothing to say has no series, and never the zero that nobody measured', async t => {
  const { app, samples } = await measuredApp(t)
  let age: number | null = null
  offerMeasurements(app, [gauge('age_seconds', () => age)])
  t.strictSame(await samples('age_seconds'), [])
  age = 0
  t.strictSame(await samples('age_seconds'), ['age_seconds 0'])
})

t.test('measurements of one name by two plugins are one metric', async t => {
  const { app, samples } = await measuredApp(t)
  const one = (peer: string): Measurement => gauge('peers', () => [{ labels: { peer }, value: 1 }], ['peer'])
  offerMeasurements(app, [one('a')])
  offerMeasurements(app, [one('b')])
  t.strictSame(await samples('peers'), ['peers{peer="a"} 1', 'peers{peer="b"} 1'])
})

t.test('whatever fails costs its own series, is counted, and is logged once until it works again', async t => {
  const { app, lines, scrape, samples } = await measuredApp(t, 20)
  let broken = true
  const broke = (): number => {
    if (broken) throw new Error('canary password')
    return 1
  }
  offerMeasurements(app, [
    gauge('throws', broke),
    gauge('rejects', async () => broke()),
    gauge('hangs', () => (broken ? new Promise<number>(() => {}) : 1)),
    gauge('undeclared', () => (broken ? [{ labels: { other: 'x' }, value: 1 }] : 1)),
    gauge('not_a_number', () => (broken ? [{ labels: {}, value: Number('x') / 0 + (undefined as never) }] : 1)),
    gauge('good', () => 1)
  ])
  const collects = new Gauge({
    name: 'collects',
    help: 'By itself',
    registers: [],
    collect() {
      this.set(broke())
    }
  })
  app.metricsRegistry.registerMetric(collects)
  for (let scrapes = 0; scrapes < 2; scrapes++) {
    const { statusCode, body } = await scrape()
    t.equal(statusCode, 200)
    t.notMatch(body, 'canary')
    for (const name of ['throws', 'rejects', 'hangs', 'undeclared', 'collects']) t.notMatch(body, `\n${name} `)
    t.match(body, '\ngood 1\n')
  }
  // That of the metric which collects by itself is noticed while the metrics are written.
  t.strictSame(
    (await samples('sallyport_measurement_failures_total')).filter(line => /throws|rejects|hangs|collects/.test(line)),
    ['throws', 'rejects', 'hangs', 'collects'].map(
      metric => `sallyport_measurement_failures_total{metric="${metric}"} ${metric === 'collects' ? 2 : 3}`
    )
  )
  const logged = (): string[] => lines.map(line => (JSON.parse(line) as { metric: string }).metric)
  for (const name of ['throws', 'rejects', 'hangs', 'collects']) {
    t.equal(logged().filter(metric => metric === name).length, 1, name)
  }
  broken = false
  const { body } = await scrape()
  for (const name of ['throws', 'rejects', 'hangs', 'undeclared', 'collects']) t.match(body, `\n${name} 1\n`)
})

t.test('a scraper that asks for OpenMetrics gets it, and the next one the text format with whole names', async t => {
  const { app, scrape } = await measuredApp(t)
  offerMeasurements(app, [{ name: 'things_total', help: 'Things', kind: 'counter', read: () => 2 }])
  app.get('/', async () => 'ok')
  await app.inject('/')
  const [openMetrics, text] = await Promise.all([scrape('application/openmetrics-text;version=1.0.0'), scrape()])
  t.match(openMetrics.headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/)
  t.match(openMetrics.body, '# TYPE things counter\nthings_total 2\n')
  t.match(openMetrics.body, /\n# EOF\n$/)
  t.match(text.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(text.body, '# TYPE things_total counter\nthings_total 2\n')
  t.match((await scrape('application/openmetrics-text')).body, '\nthings_total 2\n')
})

t.test('in an app without the security context nobody measures, and nothing fails', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  offerMeasurements(app, [gauge('nobody_asks', () => 1)])
  await app.register(metrics, { processMetrics: false })
  t.notMatch((await app.exposeMetrics()).body, 'nobody_asks')
})
