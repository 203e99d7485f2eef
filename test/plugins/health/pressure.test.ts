import health from '@sallyport/health'
import { problemDetails } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'

async function overloaded (t: import('tap').Test, threshold = 1): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(async () => { await app.close() })
  await app.register(problemDetails)
  await app.register(health, { listener: { host: '127.0.0.1', port: 0 }, pressure: { maxHeapUsedBytes: threshold, sampleIntervalMs: 10, retryAfterSeconds: 7 } })
  app.get('/', async () => ({ served: true }))
  app.get('/vital', { config: { pressureHandler: () => {} } }, async () => ({ served: true }))
  app.get('/degraded', { config: { pressureHandler: (_request, reply, type) => { void reply.code(203); return { degraded: type } } } }, async () => ({ served: true }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  while (app.memoryUsage().heapUsed === 0) await new Promise(resolve => setTimeout(resolve, 1))
  return app
}

t.test('above a threshold requests are shed with 503 and Retry-After, as Problem Details', async t => {
  const app = await overloaded(t)
  const response = await app.inject('/')
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '7')
  t.same(response.json(), { type: 'about:blank', title: 'The service is overloaded', status: 503, code: 'SALLYPORT_HEALTH_OVERLOADED' })
})

t.test('a route\'s own pressure handler decides for it', async t => {
  const app = await overloaded(t)
  t.same((await app.inject('/vital')).json(), { served: true })
  const degraded = await app.inject('/degraded')
  t.same([degraded.statusCode, degraded.json()], [203, { degraded: 'heapUsedBytes' }])
})

t.test('the probes are not shed', async t => {
  const app = await overloaded(t)
  t.equal((await fetch(`${app.operations.listeningOrigin}/health/ready`)).status, 200)
})

t.test('below the threshold requests are served', async t => {
  const app = await overloaded(t, Number.MAX_SAFE_INTEGER)
  t.same((await app.inject('/')).json(), { served: true })
})
