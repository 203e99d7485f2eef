import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import createError from '@fastify/error'
import { Gauge } from '@prometheus-io/client'
import Fastify, { type FastifyInstance, type HTTPMethods } from 'fastify'
import t, { type Test } from 'tap'
import securityContext, { type SecurityEvent } from '@sallyport/security-context'
import metrics, { type MetricsOptions } from '@sallyport/metrics'

const SECRET = 'eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.c2ln'

async function measuredApp(
  t: Test,
  options: MetricsOptions = {}
): Promise<{ app: FastifyInstance; operations: FastifyInstance; scrape: () => Promise<string> }> {
  const app = Fastify()
  const operations = Fastify()
  t.teardown(() => Promise.all([app.close(), operations.close()]))
  await app.register(metrics, { exposeOn: operations, processMetrics: false, ...options })
  await app.register(securityContext)
  return { app, operations, scrape: async () => (await operations.inject('/metrics')).body }
}

/** The samples of a metric, without comments, buckets and sums. */
const counts = (exposition: string, name: string): string[] =>
  exposition
    .split('\n')
    .filter(line => line.startsWith(name))
    .sort()
const DURATION = 'http_server_request_duration_seconds_count'
const duration = (method: string, route: string, status: number, errorType: string, count: number): string =>
  `${DURATION}{http_request_method="${method}",http_route="${route}",http_response_status_code="${status}",error_type="${errorType}",url_scheme="http"} ${count}`

t.test('requests are measured by method, route pattern, status and error type', async t => {
  const { app, operations, scrape } = await measuredApp(t)
  const OutageError = createError('SALLYPORT_TEST_OUTAGE', 'outage', 503)
  app.get('/orders/:orderId', async () => 'order')
  app.post('/orders', async (_request, reply) => await reply.code(201).send('made'))
  app.get('/refused', async () => {
    throw createError('SALLYPORT_TEST_REFUSED', 'no', 403)()
  })
  app.get('/outage', async () => {
    throw new OutageError()
  })
  app.get('/database', async () => {
    throw Object.assign(new Error(`relation ${SECRET}`), { code: SECRET })
  })
  for (const url of ['/orders/1', '/orders/2', '/refused', '/outage', '/database']) {
    await app.inject({ url, headers: { authorization: `Bearer ${SECRET}` } })
  }
  await app.inject({ method: 'HEAD', url: '/orders/1' })
  await app.inject({ method: 'POST', url: '/orders' })
  const exposed = await operations.inject('/metrics')
  t.match(exposed.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.strictSame(counts(exposed.body, DURATION), [
    duration('GET', '/database', 500, '500', 1),
    duration('GET', '/orders/:orderId', 200, '', 2),
    duration('GET', '/outage', 503, 'SALLYPORT_TEST_OUTAGE', 1),
    duration('GET', '/refused', 403, '', 1),
    duration('HEAD', '/orders/:orderId', 200, '', 1),
    duration('POST', '/orders', 201, '', 1)
  ])
  t.match(exposed.body, /http_server_request_duration_seconds_bucket\{le="0\.005",/)
  t.notMatch(exposed.body, SECRET)
  t.equal((await app.inject('/metrics')).statusCode, 404, 'not on the main listener')
  t.notMatch(await scrape(), 'http_route="/metrics"')
})

t.test('five hundred random paths make one series', async t => {
  const { app, scrape } = await measuredApp(t)
  app.get('/items/:id', async () => 'item')
  app.setNotFoundHandler(async (_request, reply) => await reply.code(404).send('nothing'))
  for (let request = 0; request < 500; request++) {
    await app.inject(`/${randomBytes(8).toString('hex')}/${request}`)
    await app.inject(`/items/${randomBytes(8).toString('hex')}`)
  }
  t.strictSame(counts(await scrape(), DURATION), [
    duration('GET', '/items/:id', 200, '', 500),
    duration('GET', 'unmatched', 404, '', 500)
  ])
})

t.test('methods that are not known share one label', async t => {
  const { app, scrape } = await measuredApp(t)
  app.addHttpMethod('PROPFIND')
  app.route({ method: 'PROPFIND' as HTTPMethods, url: '/files', handler: async () => 'files' })
  for (const method of ['PROPFIND', 'MKCOL', 'PURGE']) await app.inject({ method: method as 'GET', url: '/files' })
  const exposed = await scrape()
  t.strictSame(counts(exposed, DURATION), [
    duration('_OTHER', '/files', 200, '', 1),
    duration('_OTHER', 'unmatched', 404, '', 2)
  ])
})

t.test("security events are counted by stage, outcome and reason, each request's once", async t => {
  const { app, scrape } = await measuredApp(t)
  const events: Record<string, SecurityEvent[]> = {
    '/denied': [
      { stage: 'authentication', outcome: 'success', reason: 'bearer' },
      { stage: 'authorization', outcome: 'denied', reason: 'role-missing', detail: { token: SECRET } }
    ],
    '/odd': [{ stage: 'authentication', outcome: 'denied', reason: SECRET }]
  }
  app.get('/*', async request => {
    request.securityEvents.push(...(events[request.url] ?? []))
  })
  await app.inject('/denied')
  await app.inject('/denied')
  await app.inject('/odd')
  const exposed = await scrape()
  t.strictSame(counts(exposed, 'sallyport_security_events_total'), [
    'sallyport_security_events_total{stage="authentication",outcome="denied",reason="other"} 1',
    'sallyport_security_events_total{stage="authentication",outcome="success",reason="bearer"} 2',
    'sallyport_security_events_total{stage="authorization",outcome="denied",reason="role-missing"} 2'
  ])
  t.notMatch(exposed, SECRET)
})

t.test('reasons without end do not make series without end', async t => {
  const { app, scrape } = await measuredApp(t)
  let next = 0
  app.get('/', async request => {
    for (let event = 0; event < 100; event++) {
      request.securityEvents.push({ stage: 'session', outcome: 'denied', reason: `reason-${next++}` })
    }
  })
  for (let request = 0; request < 6; request++) await app.inject('/')
  const samples = counts(await scrape(), 'sallyport_security_events_total')
  t.equal(samples.length, 501)
  t.ok(samples.includes('sallyport_security_events_total{stage="session",outcome="denied",reason="other"} 100'))
})

t.test('a request whose client leaves is counted with its security events', async t => {
  const { app, scrape } = await measuredApp(t)
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  app.get('/slow/:id', async (request, reply) => {
    request.securityEvents.push({ stage: 'authorization', outcome: 'denied', reason: 'not-owner' })
    reach()
    await left
    // Node may still report the response as finished.
    reply.raw.emit('finish')
    return 'late'
  })
  let atAbort = ''
  app.addHook('onRequestAbort', async _request => {
    atAbort = await scrape()
    leave()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET /slow/1 HTTP/1.1\r\nhost: test\r\n\r\n')
  await reached
  socket.destroy()
  await left
  await setImmediate()
  const expected = [
    'sallyport_http_requests_aborted_total{http_route="/slow/:id"} 1',
    'sallyport_security_events_total{stage="authorization",outcome="denied",reason="not-owner"} 1'
  ]
  t.strictSame(counts(atAbort, 'sallyport_'), expected)
  t.strictSame(counts(await scrape(), 'sallyport_'), expected)
})

t.test('an app registers metrics of its own, and every series carries the name of the process', async t => {
  const { app, scrape } = await measuredApp(t, { process: 'order-service' })
  const orders = new Gauge({ name: 'orders_open', help: 'Open orders', registers: [app.metricsRegistry] })
  orders.set(3)
  app.get('/', async () => 'ok')
  await app.inject('/')
  const exposed = await scrape()
  t.match(exposed, 'orders_open{process="order-service"} 3')
  t.match(counts(exposed, DURATION)[0], 'process="order-service"')
})

t.test('the process is measured, and two apps in one process keep their requests apart', async t => {
  const first = await measuredApp(t, { processMetrics: true })
  const second = await measuredApp(t)
  first.app.get('/first', async () => 'ok')
  second.app.get('/second', async () => 'ok')
  await first.app.inject('/first')
  await second.app.inject('/second')
  const exposed = await first.scrape()
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
    'nodejs_heap_size_used_bytes'
  ]) {
    t.match(exposed, `\n${name} `)
  }
  t.notMatch(exposed, '/second')
  t.notMatch(exposed, 'http_request_summary')
  t.notMatch(await second.scrape(), /process_cpu|\/first/)
})

t.test('the plugin works alone, and exposes nothing unless it is told where', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(metrics, {})
  app.get('/', async () => 'ok')
  await app.inject('/')
  t.equal((await app.inject('/metrics')).statusCode, 404)
  t.match(await app.metricsRegistry.metrics(), duration('GET', '/', 200, '', 1))
})

t.test('scrapes of the measured app itself are not measured', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(metrics, { exposeOn: app, processMetrics: false })
  await app.inject('/metrics')
  t.strictSame(counts((await app.inject('/metrics')).body, DURATION), [])
})

t.test("what ran before the plugin's own hooks is part of the duration", async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const BEFORE_MS = 5
  app.addHook('onRequest', function waitBeforehand(_request, _reply, next) {
    const startedAt = performance.now()
    while (performance.now() - startedAt < BEFORE_MS);
    next()
  })
  await app.register(metrics, { processMetrics: false })
  app.get('/', async () => 'ok')
  await app.inject('/')
  const [, sum] =
    /^http_server_request_duration_seconds_sum\{.*\} (\S+)$/m.exec(await app.metricsRegistry.metrics()) ?? []
  t.ok(Number(sum) >= BEFORE_MS / 1000, `${sum} s`)
})
