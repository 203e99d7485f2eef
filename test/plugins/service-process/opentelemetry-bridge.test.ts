// Code of an app, or of a library, that knows OpenTelemetry's API and nothing of this process.
import { context, propagation, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { startTracing } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

async function bridgedApp(t: Test, share = true): Promise<{ app: FastifyInstance; spans: () => ReadableSpan[] }> {
  const exporter = new InMemorySpanExporter()
  const spanProcessors = [new SimpleSpanProcessor(exporter)]
  const tracing = startTracing({ serviceName: 'test', spanProcessors, sampleTrace: (_id, given) => given ?? share })
  const app = Fastify()
  await app.register(tracing.plugin)
  t.after(async () => {
    await app.close()
    await tracing.close()
  })
  return { app, spans: () => exporter.getFinishedSpans() }
}

t.test("an app's own spans are below the span of their request, and code adds to that", async t => {
  const { app, spans } = await bridgedApp(t)
  app.get('/', async () => {
    trace.getActiveSpan()?.setAttribute('basket.size', 3).updateName('GET the basket')
    return await trace.getTracer('of the app').startActiveSpan('price', { kind: SpanKind.CLIENT }, async span => {
      await new Promise(setImmediate)
      const inner = trace.getTracer('of the app').startSpan('tax')
      inner.recordException(new TypeError('canary'))
      inner.setStatus({ code: SpanStatusCode.ERROR, message: 'canary' })
      inner.end()
      span.setAttributes({ currency: 'EUR', rates: ['a', 'b'] }).addEvent('asked')
      span.end()
      const headers: Record<string, string> = {}
      propagation.inject(context.active(), headers)
      return headers
    })
  })
  const { traceparent } = (await app.inject('/')).json<{ traceparent: string }>()
  const [tax, price, request] = spans()
  t.equal(spans().length, 3)
  t.match(request, { name: 'GET the basket', attributes: { 'basket.size': 3, 'http.route': '/' } })
  t.match(price, {
    name: 'price',
    kind: SpanKind.CLIENT,
    instrumentationScope: { name: 'of the app' },
    attributes: { currency: 'EUR', rates: ['a', 'b'] },
    events: [{ name: 'asked' }],
    parentSpanContext: { spanId: request?.spanContext().spanId }
  })
  t.match(tax, {
    status: { code: SpanStatusCode.ERROR },
    events: [{ name: 'exception', attributes: { 'exception.type': 'TypeError' } }],
    parentSpanContext: { spanId: price?.spanContext().spanId }
  })
  for (const span of spans()) t.equal(span.spanContext().traceId, request?.spanContext().traceId)
  t.match(traceparent, price?.spanContext().spanId)
  t.notMatch(
    JSON.stringify(spans().map(({ status, events, attributes }) => ({ status, events, attributes }))),
    'canary'
  )
})

t.test('of a trace that is not exported no span of the app is, and no call is told otherwise', async t => {
  const { app, spans } = await bridgedApp(t, false)
  app.get('/', async () => {
    trace.getTracer('of the app').startSpan('price').end()
    return { flags: trace.getActiveSpan()?.spanContext().traceFlags }
  })
  t.same((await app.inject('/')).json(), { flags: TraceFlags.NONE })
  t.same(spans(), [])
})

t.test('what an app adds to a span is bounded', async t => {
  const { app, spans } = await bridgedApp(t)
  app.get('/', async () => {
    const span = trace.getTracer('of the app').startSpan('price')
    for (let at = 0; at < 1000; at++) span.setAttribute(`name ${at}`, 'x'.repeat(10_000)).addEvent('again')
    for (let at = 0; at < 1000; at++) span.addLink({ context: span.spanContext() })
    span.end()
    span.setAttribute('late', true).end()
    return {}
  })
  await app.inject('/')
  const [price] = spans()
  t.equal(spans().filter(({ name }) => name === 'price').length, 1)
  t.match([Object.keys(price?.attributes ?? {}).length, price?.events.length, price?.links.length], [128, 16, 16])
  t.equal(String(price?.attributes['name 1']).length, 2048)
})

t.test('spans of code that works for no request begin traces of their own', async t => {
  const { app, spans } = await bridgedApp(t)
  await app.ready()
  trace.getTracer('of a timer').startSpan('sweep').end()
  t.same([spans()[0]?.name, spans()[0]?.parentSpanContext], ['sweep', undefined])
})
