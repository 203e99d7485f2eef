import type { RouteAudit } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'

const caller = { 'x-test-subject': 'user-1' }

t.test(
  'a 3xx of a mutating route owes a row as a 2xx does, unless the route says that its redirect is no effect',
  async t => {
    const routes = (app: FastifyInstance): void => {
      const add = (url: string, audit: RouteAudit): void => {
        app.post(url, { config: { access: 'authenticated', audit } }, async (_request, reply) =>
          reply.redirect('/elsewhere', 303)
        )
      }
      add('/effect', { action: 'thing.change' })
      add('/form', { action: 'thing.change', redirect: 'no-effect' })
      app.post(
        '/written',
        { config: { access: 'authenticated', audit: { action: 'thing.change' } } },
        async (request, reply) => {
          await request.audit(db, { action: 'thing.change', outcome: 'success' })
          return reply.redirect('/elsewhere', 303)
        }
      )
    }
    const { app: db } = await auditDatabase(t)
    const strict = await buildApp(t, { db, unfulfilled: 'refuse' }, routes)
    const refused = await strict.inject({ method: 'POST', url: '/effect', headers: caller })
    t.same(
      [refused.statusCode, refused.json().code, refused.headers.location],
      [500, 'SALLYPORT_AUDIT_UNFULFILLED', undefined]
    )
    t.equal((await strict.inject({ method: 'POST', url: '/form', headers: caller })).statusCode, 303)
    t.equal((await strict.inject({ method: 'POST', url: '/written', headers: caller })).statusCode, 303)
    const app = await buildApp(t, { db }, routes)
    t.equal((await app.inject({ method: 'POST', url: '/effect', headers: caller })).statusCode, 303)
    t.match(await rowsOf(db), [
      { outcome: 'success', reason: null },
      { outcome: 'success', reason: 'audit-unfulfilled', detail: { status: 303 } }
    ])
  }
)

t.test('a refusal that is told by a redirect is a row, and no effect', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, unfulfilled: 'refuse' }, app => {
    const consent = { config: { access: 'public', audit: { action: 'authorization.grant' } } } as const
    app.post('/consent', consent, async (request, reply) => {
      request.securityEvents.push({ stage: 'grant', outcome: 'denied', reason: 'login-required', clientId: 'web-app' })
      return reply.redirect('https://client.example/?error=login_required', 303)
    })
  })
  t.equal((await app.inject({ method: 'POST', url: '/consent', headers: caller })).statusCode, 303)
  t.match(await rowsOf(db), [
    {
      action: 'authorization.grant',
      outcome: 'denied',
      reason: 'login-required',
      subject: 'user-1',
      detail: { status: 303 }
    }
  ])
})

t.test(
  'a read that declares only: refusals writes no success and no plain error, and names the resource of a refusal',
  async t => {
    const { app: db } = await auditDatabase(t)
    const audit = { action: 'order.read', resource: { type: 'order', parameter: 'orderId' }, only: 'refusals' } as const
    const app = await buildApp(t, { db }, app => {
      app.get<{ Params: { orderId: string } }>(
        '/orders/:orderId',
        { config: { access: 'authenticated', audit } },
        async (request, reply) => {
          if (request.params.orderId === 'mine') return {}
          if (request.params.orderId === 'foreign') {
            request.securityEvents.push({ stage: 'authorization', outcome: 'denied', reason: 'owner-mismatch' })
          }
          return reply.code(404).send({})
        }
      )
    })
    for (const orderId of ['mine', 'nowhere', 'foreign']) {
      await app.inject({ url: `/orders/${orderId}`, headers: caller })
    }
    const rows = await rowsOf(db)
    t.match(rows, [
      {
        action: 'order.read',
        outcome: 'denied',
        reason: 'owner-mismatch',
        subject: 'user-1',
        resource_type: 'order',
        resource_id: 'foreign'
      }
    ])
    t.equal(rows.length, 1)
  }
)
