import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { startTracing } from '@sallyport/service-process'
import t, { type Test } from 'tap'
import { type EdgeOptions, GOOD, startEdge } from '../support/edge.ts'

/**
 * Sends a request to the order service through the gateway with every plugin on.
 * @returns whether its answer was written past Fastify: only Fastify's way calls the service with a signal
 */
async function isLean(t: Test, options: EdgeOptions = {}): Promise<boolean> {
  const { app, agent } = await startEdge(t, options)
  const signals: boolean[] = []
  const dispatch = agent.dispatch.bind(agent)
  agent.dispatch = (call, handler) => {
    signals.push('signal' in call)
    return dispatch(call, handler)
  }
  const answer = await app.inject({ url: '/orders/1', headers: { host: 'gateway.example', ...GOOD } })
  t.equal(answer.statusCode, 200)
  t.equal(signals.length, 1)
  return signals.every(hasSignal => !hasSignal)
}

t.test('no plugin of the gateway has an onSend hook that keeps answers from being written past Fastify', async t => {
  t.ok(await isLean(t, { collaborators: { tracing: startTracing({ serviceName: 'gateway' }) } }))
})

t.test('neither has one that records spans', async t => {
  const spans = new InMemorySpanExporter()
  const spanProcessors = [new SimpleSpanProcessor(spans)]
  const tracing = startTracing({ serviceName: 'gateway', acceptIncoming: false, spanProcessors })
  t.after(() => tracing.close())
  t.ok(await isLean(t, { collaborators: { tracing } }))
  t.match(spans.getFinishedSpans(), [{ name: 'GET /orders/*' }])
})
