import { AsyncLocalStorage } from 'node:async_hooks'
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
  t.match(spans.getFinishedSpans(), [{ name: 'GET' }, { name: 'GET /orders/*' }], 'the request ends after its call')
})

t.test('no request of the gateway has an asynchronous context of its own unless spans are recorded', async t => {
  const entered: string[] = []
  const { run, enterWith } = AsyncLocalStorage.prototype
  t.after(() => Object.assign(AsyncLocalStorage.prototype, { run, enterWith }))
  const counted = async (options: EdgeOptions): Promise<number> => {
    const { app } = await startEdge(t, options)
    const ask = async () => await app.inject({ url: '/orders/1', headers: { host: 'gateway.example', ...GOOD } })
    // Connections to database and service are made with the first.
    t.equal((await ask()).statusCode, 200)
    entered.length = 0
    Object.assign(AsyncLocalStorage.prototype, {
      run(this: AsyncLocalStorage<unknown>, ...parts: Parameters<typeof run>) {
        entered.push('run')
        return Reflect.apply(run, this, parts)
      },
      enterWith(this: AsyncLocalStorage<unknown>, store: unknown) {
        entered.push('enterWith')
        return Reflect.apply(enterWith, this, [store])
      }
    })
    const { statusCode } = await ask()
    Object.assign(AsyncLocalStorage.prototype, { run, enterWith })
    t.equal(statusCode, 200)
    return entered.length
  }
  t.equal(await counted({ collaborators: { tracing: startTracing({ serviceName: 'gateway' }) } }), 0)
  const spanProcessors = [new SimpleSpanProcessor(new InMemorySpanExporter())]
  const tracing = startTracing({ serviceName: 'gateway', acceptIncoming: false, spanProcessors })
  t.after(() => tracing.close())
  t.ok((await counted({ collaborators: { tracing } })) > 0, 'where somebody reads it there is one')
})
