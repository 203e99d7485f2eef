import { createServer } from 'node:https'
import health from '@sallyport/health'
import Fastify from 'fastify'
import t from 'tap'

t.test("the plugin works in a bare app with the app's own principal and no other plugin of ours", async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  app.decorateRequest('principal', null)
  await app.register(health, { listener: { host: '127.0.0.1', port: 0 }, pressure: { maxEventLoopUtilization: 0.99 } })
  app.get('/', async () => ({}))
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal((await app.inject('/')).statusCode, 200)
  t.equal((await fetch(`${app.operations.listeningOrigin}/health/ready`)).status, 200)
})

t.test('another plugin can add to the operations server until it is ready', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health)
  app.operations.get('/metrics', async () => 'metrics')
  await app.ready()
  t.equal((await app.operations.inject('/metrics')).body, 'metrics')
})

t.test('with https the operations listener speaks TLS', async t => {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(health, { listener: { host: '127.0.0.1', port: 0, https: {} } })
  await app.ready()
  t.ok(app.operations.server instanceof createServer().constructor)
  t.match(app.operations.listeningOrigin, /^https:/)
})
