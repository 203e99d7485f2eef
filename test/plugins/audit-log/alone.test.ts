import auditLog from '@sallyport/audit-log'
import Fastify from 'fastify'
import t from 'tap'
import { auditDatabase, rowsOf } from './support/audited-app.ts'

t.test("the plugin works in a bare app with the app's own principal and no other plugin of ours", async t => {
  const { app: db } = await auditDatabase(t)
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  app.decorateRequest('principal', null)
  await app.register(auditLog, { db, process: 'alone', sealer: false })
  app.post('/things', { config: { audit: { action: 'thing.create' } } }, async request =>
    db.transaction(async trx => {
      await request.audit(trx, { action: 'thing.create', outcome: 'success' })
      return {}
    })
  )
  app.get('/forgotten', { config: { audit: { action: 'thing.read' } } }, async (_request, reply) =>
    reply.code(403).send({})
  )
  app.put('/unfulfilled', { config: { audit: { action: 'thing.change' } } }, async () => ({}))
  t.equal((await app.inject({ method: 'POST', url: '/things' })).statusCode, 200)
  t.equal((await app.inject('/forgotten')).statusCode, 403)
  t.equal((await app.inject({ method: 'PUT', url: '/unfulfilled' })).statusCode, 200)
  await app.sealAudit()
  t.match(
    (await rowsOf(db)).toSorted((a, b) => a.action.localeCompare(b.action)),
    [
      { action: 'thing.change', reason: 'audit-unfulfilled' },
      { action: 'thing.create', outcome: 'success', trace_id: null },
      { action: 'thing.read', outcome: 'denied', reason: 'status-403' }
    ]
  )
})

t.test('without a principal slot the boot fails', async t => {
  const { app: db } = await auditDatabase(t)
  const app = Fastify()
  await t.rejects(async () => {
    await app.register(auditLog, { db, process: 'alone' })
  }, /principal/)
})
