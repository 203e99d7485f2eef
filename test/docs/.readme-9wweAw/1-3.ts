import auditLog from '@sallyport/audit-log'
import Fastify from 'fastify'
import knex from 'knex'

const db = knex({ client: 'pg', connection: 'postgres://nobody@127.0.0.1:1/none' }) // nobody answers there
const app = Fastify()
app.decorateRequest('principal', null)
await app.register(auditLog, { db, process: 'demo', sealer: false })
app.get('/orders/:orderId', { config: { audit: { action: 'order.read' } } }, async () => ({ secret: 'plans' }))

const response = await app.inject('/orders/1')
console.log(response.statusCode, response.json().code) // 503 SALLYPORT_AUDIT_UNAVAILABLE
await app.close()
await db.destroy()
