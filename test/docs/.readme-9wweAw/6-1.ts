import Fastify from 'fastify'
import metrics from '@sallyport/metrics'

const app = Fastify()
const operations = Fastify() // a listener that is not open to the public
await app.register(metrics, { exposeOn: operations, process: 'order-service' })
app.get('/orders/:orderId', async () => ({ state: 'PLACED' }))

await app.inject('/orders/1')
const { body } = await operations.inject('/metrics')
console.log(body.split('\n').filter(line => line.startsWith('http_server_request_duration_seconds_count')).join('\n'))
await app.close()
await operations.close()
