import { SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import securityContext from '@sallyport/security-context'
import { startTracing, type Tracing } from '@sallyport/service-process'
import Fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

async function traced(
  t: Test,
  options: { acceptIncoming?: boolean; trustsPeer?: () => boolean } = {}
): Promise<{ app: FastifyInstance; tracing: Tracing; exporter: InMemorySpanExporter }> {
  const exporter = new InMemorySpanExporter()
  const tracing = startTracing({
    serviceName: 'order-service',
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...options
  })
  const app = Fastify({ forceCloseConnections: true })
  await app.register(tracing.plugin)
  await app.register(securityContext, { traceId: tracing.traceId })
  const answer = async (request: import('fastify').FastifyRequest): Promise<object> => {
    await new Promise(resolve => setImmediate(resolve))
    return {
      id: request.traceId,
      baggage: request.headers.baggage ?? null,
      active: tracing.traceIds(),
      byRequest: tracing.outgoingHeaders(request),
      byContext: tracing.outgoingHeaders()
    }
  }
  app.get('/orders/:orderId', answer)
  app.post('/orders', answer)
  app.get('/refused', async () => {
    throw Object.assign(new Error('canary'), { statusCode: 403, code: 'SALLYPORT_X_REFUSED' })
  })
  app.get('/broken', async () => {
    throw Object.assign(new Error('canary'), { code: 'ECONNREFUSED' })
  })
  t.after(async () => {
    await app.close()
    await tracing.close()
  })
  return { app, tracing, exporter }
}

t.test("a caller's trace is continued: in the request, in log fields and towards peers", async t => {
  const { app } = await traced(t)
  const { id, baggage, active, byRequest, byContext } = (
    await app.inject({ url: '/orders/1', headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, baggage: 'a=b' } })
  ).json()
  t.equal(id, TRACE)
  t.equal(baggage, null, 'the key-value store of the caller is not')
  t.match(active, { trace_id: TRACE, span_id: /^[0-9a-f]{16}$/ })
  t.same(byRequest, { traceparent: `00-${TRACE}-${active.span_id}-01` })
  t.same(byContext, byRequest)
})

t.test('the sampled flag of the caller is kept', async t => {
  const { app } = await traced(t)
  const { byRequest } = (
    await app.inject({ url: '/orders/1', headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-00` } })
  ).json()
  t.match(byRequest.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
})

t.test('a request with a body, over a real connection, has its trace in the handler too', async t => {
  const { app } = await traced(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await fetch(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/orders`, {
    method: 'POST',
    body: JSON.stringify({ items: ['x'.repeat(100_000)] }),
    headers: { 'content-type': 'application/json', traceparent: `00-${TRACE}-b7ad6b7169203331-01` }
  })
  const { id, active, byContext } = (await response.json()) as {
    id: string
    active: { trace_id: string }
    byContext: { traceparent: string }
  }
  t.equal(id, TRACE)
  t.equal(active.trace_id, TRACE)
  t.match(byContext.traceparent, TRACE)
})

t.test('the edge starts a trace of its own, whatever the caller sent', async t => {
  const { app } = await traced(t, { acceptIncoming: false })
  const { id, byRequest } = (
    await app.inject({
      url: '/orders/1',
      headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'x=y' }
    })
  ).json()
  t.match(id, /^[0-9a-f]{32}$/)
  t.not(id, TRACE)
  t.match(byRequest.traceparent, id)
  t.equal(byRequest.tracestate, undefined)
})

t.test("a stranger's trace is linked to and not continued; one that is no trace is not even linked to", async t => {
  const { app, exporter } = await traced(t, { acceptIncoming: false })
  const linked = (): unknown =>
    exporter
      .getFinishedSpans()
      .at(-1)
      ?.links.map(({ context }) => context)
  await app.inject({ url: '/orders/1', headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } })
  t.match(linked(), [{ traceId: TRACE, spanId: 'b7ad6b7169203331' }])
  for (const traceparent of ['canary', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    await app.inject({ url: '/orders/1', headers: { traceparent } })
    t.same(linked(), [], traceparent)
  }
})

t.test('the trace of a trusted proxy is continued where that of strangers is not, without its baggage', async t => {
  const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-00`, tracestate: 'x=y', baggage: 'user=canary' }
  const { app, exporter } = await traced(t, { acceptIncoming: false, trustsPeer: () => true })
  const { id, byRequest } = (await app.inject({ url: '/orders/1', headers })).json()
  t.equal(id, TRACE)
  t.match(byRequest, { traceparent: new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`), tracestate: 'x=y' })
  t.notOk('baggage' in byRequest)
  t.same(exporter.getFinishedSpans(), [], 'and its decision not to export it holds')
})

t.test('a refusal is no failure of the server, and a failure is told by its kind alone', async t => {
  const { app, exporter } = await traced(t)
  for (const url of ['/refused', '/broken']) await app.inject(url)
  const [refused, broken] = exporter.getFinishedSpans()
  if (refused === undefined || broken === undefined) throw new Error('spans are missing')
  t.same([refused.status.code, broken.status.code], [SpanStatusCode.UNSET, SpanStatusCode.ERROR])
  t.notOk('error.type' in refused.attributes)
  t.match(broken.attributes, { 'error.type': 'ECONNREFUSED', 'http.response.status_code': 500 })
  const texts = [refused, broken].map(({ name, attributes, events, status }) => ({ name, attributes, events, status }))
  t.notMatch(JSON.stringify(texts), 'canary')
})

t.test('a method that nobody knows does not name a span', async t => {
  const { app, exporter } = await traced(t)
  app.addHttpMethod('PROPFIND')
  app.route({ method: 'PROPFIND', url: '/files', handler: async () => 'x' })
  await app.inject({ method: 'PROPFIND' as 'GET', url: '/files' })
  const [span] = exporter.getFinishedSpans()
  t.equal(span?.name, 'HTTP /files')
  t.match(span?.attributes, { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' })
})

t.test('P5: an exported span names the route and not the query', async t => {
  const { app, exporter } = await traced(t)
  await app.inject('/orders/7?access_token=canary')
  await app.inject('/missing?access_token=canary')
  const spans = exporter.getFinishedSpans()
  t.equal(spans[0]?.name, 'GET /orders/:orderId')
  t.match(spans[0]?.attributes, {
    'http.route': '/orders/:orderId',
    'url.path': '/orders/7',
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'service.name': 'order-service'
  })
  t.notMatch(JSON.stringify(spans.map(({ name, attributes, events }) => ({ name, attributes, events }))), /canary/)
})

t.test('a request of an app without the plugin gets a random id and no headers', async t => {
  const tracing = startTracing({ serviceName: 'x' })
  const app = Fastify()
  app.get('/', async request => ({
    id: tracing.traceId(request),
    headers: tracing.outgoingHeaders(request),
    ids: tracing.traceIds()
  }))
  const body = (await app.inject('/')).json()
  t.match(body.id, /^[0-9a-f]{32}$/)
  t.same([body.headers, body.ids], [{}, {}])
  await tracing.close()
})
