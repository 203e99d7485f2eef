// Real calls to real collectors: one that takes spans, one that never answers, and one that is away.
import { createServer, type RequestListener } from 'node:http'
import securityContext from '@sallyport/security-context'
import { instanceOptions, nameTransaction } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { openTracing } from '../../../plugins/service-process/src/open-tracing.ts'
import { CollectedSpans, listenOnLoopback, type CollectedSpan } from '@sallyport/local'
import { PROCESS_SETTINGS } from '../../support/process-settings.ts'

const CLIENT = 3
const MAX_QUEUED = 50

async function listening(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  const port = await listenOnLoopback(server)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

/**
 * A service that calls another one, and what its measurements say.
 * @param lastExportMs how long its end waits for the collector
 */
async function tracedService(t: Test, collector: string, otel: object = {}, lastExportMs = 60_000) {
  const settings = {
    ...PROCESS_SETTINGS,
    logLevel: 'info',
    otelExporterOtlpEndpoint: collector,
    otelBspScheduleDelay: 600_000,
    otelBspMaxQueueSize: MAX_QUEUED,
    otelBspMaxExportBatchSize: 10,
    ...otel
  }
  const log = { warn: () => {}, info: () => {} }
  const facts = { name: 'order-service', settings, acceptTraces: true, tls: null, addresses: {}, log }
  const { tracing, measurements } = openTracing({ ...facts, lastExportMs })
  const lines: string[] = []
  const options = instanceOptions({ name: 'order-service', settings, tls: undefined, tracing, requestIds: 'own' })
  const stream = {
    write: (line: string) => {
      lines.push(line)
    }
  }
  const logger = { ...(options.logger as object), stream }
  const app: FastifyInstance = Fastify({ ...options, logger })
  await app.register(tracing.plugin)
  await app.register(securityContext, { traceId: tracing.traceId })
  await app.register(nameTransaction)
  let close = async (): Promise<void> => {
    close = async () => {}
    await app.close()
    await tracing.close()
  }
  t.after(async () => {
    await close()
  })
  const count = (name: string): unknown => measurements.find(measurement => measurement.name === name)?.read()
  return { app, tracing, lines, count, close: async () => await close() }
}

t.test('the end of a process sends what waits, and does not wait for its timer', async t => {
  const collected = new CollectedSpans()
  const { app, close } = await tracedService(t, await listening(t, collected.answer))
  app.get('/orders', async () => 'x')
  await app.inject('/orders')
  t.same(collected.all, [])
  await close()
  t.match(collected.all, [
    {
      name: 'GET /orders',
      kind: 2,
      resource: { 'service.name': 'order-service', 'telemetry.sdk.language': 'nodejs' },
      attributes: { 'http.route': '/orders', 'http.response.status_code': 200 }
    }
  ])
})

for (const [how, open] of Object.entries({
  'that never answers': async (t: Test) => await listening(t, () => {}),
  'that is away': async () => 'http://127.0.0.1:1'
})) {
  t.test(`a collector ${how} fails no request, keeps a bounded number of spans, and does not hold the end`, async t => {
    const { app, count, close } = await tracedService(t, await open(t), {}, 50)
    app.get('/orders', async () => 'x')
    for (let sent = 0; sent < 3 * MAX_QUEUED; sent++) t.equal((await app.inject('/orders')).statusCode, 200)
    const waiting = Number(count('sallyport_spans_waiting'))
    t.ok(waiting <= MAX_QUEUED, `${waiting} wait`)
    t.match(count('sallyport_spans_lost_total'), [
      { labels: { reason: 'queue_full' }, value: 3 * MAX_QUEUED - waiting },
      { value: 0 }
    ])
    await close()
    t.equal(count('sallyport_spans_waiting'), 0)
    t.equal(count('sallyport_spans_exported_total'), 0)
  })
}

for (const [status, lost, exported] of [
  [200, 0, 1],
  [302, 1, 0],
  [400, 1, 0],
  [500, 1, 0]
] as const) {
  t.test(`an answer of ${status} without end is that status: nothing is sent a second time`, async t => {
    let batches = 0
    const collector = await listening(t, (request, response) => {
      request.resume().on('end', () => {
        batches++
        response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000))
      })
    })
    const { app, count, close } = await tracedService(t, collector, { otelBspMaxExportBatchSize: 1 })
    app.get('/orders', async () => 'x')
    await app.inject('/orders')
    await close()
    t.equal(batches, 1)
    t.equal(count('sallyport_spans_exported_total'), exported)
    t.match(count('sallyport_spans_lost_total'), [{}, { value: lost }])
  })
}

t.test('P5: a call has a span of its own below its request, without its query and its fields', async t => {
  const seen: unknown[] = []
  const peer = await listening(t, ({ headers, url = '' }, response) => {
    seen.push(headers.traceparent)
    response.writeHead(url.startsWith('/missing') ? 404 : 200).end()
  })
  const collected = new CollectedSpans()
  const { app, close } = await tracedService(t, await listening(t, collected.answer))
  const call = async (url: string): Promise<void> => {
    const { body } = await request(url, { headers: { authorization: 'Bearer canary' } })
    await body.dump()
  }
  app.get('/', async () => {
    await call(`${peer}/tickets?code=canary`)
    await call(`${peer}/missing`)
    await call('http://127.0.0.1:1/').catch(() => {})
    return 'x'
  })
  await app.inject('/?token=canary')
  await call(`${peer}/nobody`)
  await close()
  const [server] = collected.all.filter(({ kind }) => kind === 2)
  const calls = collected.all.filter(({ kind }) => kind === CLIENT)
  const at = { 'server.address': '127.0.0.1', 'http.request.method': 'GET' }
  t.match(calls, [
    { name: 'GET', attributes: { ...at, 'url.full': `${peer}/tickets`, 'http.response.status_code': 200 } },
    { status: { code: 2 }, attributes: { 'http.response.status_code': 404, 'error.type': '404' } },
    { status: { code: 2 }, attributes: { ...at, 'server.port': 1, 'error.type': 'ECONNREFUSED' } }
  ])
  t.equal(calls.length, 3, 'a call under no request has none')
  for (const { parentSpanId, traceId } of calls) t.same([parentSpanId, traceId], [server?.spanId, server?.traceId])
  const [first, second] = calls
  t.same(seen, [traceparent(first), traceparent(second), undefined], 'the peer is called by the span of the call')
  t.notMatch(JSON.stringify(collected.all), /canary/)
})

const traceparent = (span: CollectedSpan | undefined): string => `00-${span?.traceId}-${span?.spanId}-01`

t.test('of a trace that is not exported only what failed is, described like all others', async t => {
  const collected = new CollectedSpans()
  const sampled = { otelTracesSampler: 'parentbased_traceidratio', otelTracesSamplerArg: 0 }
  const { app, close } = await tracedService(t, await listening(t, collected.answer), sampled)
  const peer = await listening(t, (_request, response) => {
    response.end()
  })
  app.get('/fine', async () => {
    await (await request(peer)).body.dump()
    return 'x'
  })
  app.get('/refused', async (_request, reply) => await reply.code(403).send())
  app.get('/broken', async () => {
    await request('http://127.0.0.1:1/tickets?code=canary')
  })
  for (const url of ['/fine', '/refused', '/broken?token=canary']) await app.inject(url)
  await close()
  t.match(
    collected.all.map(({ name, attributes }) => ({ name, attributes })),
    [
      { name: 'GET', attributes: { 'url.full': 'http://127.0.0.1:1/tickets', 'error.type': 'ECONNREFUSED' } },
      { name: 'GET /broken', attributes: { 'url.path': '/broken', 'http.response.status_code': 500 } }
    ]
  )
  t.equal(collected.all.length, 2)
  t.notMatch(JSON.stringify(collected.all), /canary/)
})

t.test('the lines of a request, what the audit trail takes, and its span have the same ids', async t => {
  const collected = new CollectedSpans()
  const { app, lines, close } = await tracedService(t, await listening(t, collected.answer))
  app.get('/orders', async ({ traceId, txn, log }) => {
    log.info('in the handler')
    return { traceId, txn }
  })
  const { traceId, txn } = (await app.inject('/orders')).json<{ traceId: string; txn: string }>()
  await close()
  const [span] = collected.all
  t.equal(span?.traceId, traceId)
  t.equal(span?.attributes['sallyport.txn'], txn)
  const written = lines.map(line => JSON.parse(line) as Record<string, unknown>)
  for (const msg of ['in the handler', 'request completed']) {
    t.match(
      written.find(line => line.msg === msg),
      { trace_id: traceId, span_id: span?.spanId, txn },
      msg
    )
  }
})
