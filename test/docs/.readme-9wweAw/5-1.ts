import health from '@sallyport/health'
import Fastify from 'fastify'

const app = Fastify()
await app.register(health, {
  listener: { host: '127.0.0.1', port: 0 },
  checks: { database: async () => { /* await db.raw('select 1') */ } },
  pressure: { maxEventLoopDelayMs: 1000, maxEventLoopUtilization: 0.98 }
})
app.get('/', async () => ({ served: true }))
await app.listen({ host: '127.0.0.1', port: 0 })

for (const probe of ['live', 'startup', 'ready']) {
  const response = await fetch(`${app.operations.listeningOrigin}/health/${probe}`)
  console.log(probe, response.status, await response.json()) // 200 { status: 'ok' }
}
await app.close()
