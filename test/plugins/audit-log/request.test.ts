import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { AuditEvent } from '@sallyport/security-context'
import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t from 'tap'
import { openTrailRows } from '../../support/trail-rows.ts'
import { verifyChain, sealNow } from '@sallyport/audit-log'
import { auditDatabase, buildApp, deadPool, rowsOf } from './support/audited-app.ts'

const CANCEL = {
  access: 'authenticated',
  audit: { action: 'order.cancel', resource: { type: 'order', parameter: 'orderId' } }
} as const
const CANCELLED: AuditEvent = {
  action: 'order.cancel',
  outcome: 'success',
  detail: { before: 'open', after: 'cancelled' }
}
const caller = { 'x-test-subject': 'user-1' }

t.test(
  'A6: a row says who, what, when, where, how it ended and in which request; the token only as a hash',
  async t => {
    const { app: db } = await auditDatabase(t)
    const app = await buildApp(t, { db, clock: () => Date.parse('2026-11-23T10:00:00.123Z') }, app => {
      app.post('/orders/:orderId/cancel', { config: CANCEL }, async request =>
        db.transaction(async trx => {
          await request.audit(trx, CANCELLED)
          return {}
        })
      )
    })
    const headers = { ...caller, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    const response = await app.inject({ method: 'POST', url: '/orders/o-1/cancel', headers })
    t.equal(response.statusCode, 200)
    const rows = await openTrailRows(db, await rowsOf(db))
    t.equal(rows.length, 1, 'the handler fulfilled the declaration: nothing is written twice')
    t.match(rows[0], {
      process: 'order-service',
      action: 'order.cancel',
      outcome: 'success',
      subject: 'user-1',
      issuer: 'https://localhost:8081',
      client_id: 'gateway',
      actor: { subject: 'gateway', actor: null },
      session_id: 'session-1',
      token_id_hash: createHash('sha256').update('token-id-1').digest('hex'),
      resource_type: 'order',
      resource_id: 'o-1',
      trace_id: 'a'.repeat(32),
      txn: 'txn-1',
      source_address: '127.0.0.1',
      detail: { before: 'open', after: 'cancelled' },
      occurred_at: new Date('2026-11-23T10:00:00.123Z')
    })
    t.type(rows[0]?.request_id, 'string')
  }
)

t.test('A6: secrets in detail are redacted, by name at any depth and by form anywhere', async t => {
  const { app: db } = await auditDatabase(t)
  const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'
  const app = await buildApp(t, { db, redact: ['Pin'] }, app => {
    app.post('/things', { config: CANCEL }, async request => {
      const detail = {
        password: 'canary-1',
        nested: [{ client_secret: 'canary-2', accessToken: 'canary-3' }],
        headers: { Authorization: 'canary-4', Cookie: 'canary-5' },
        pin: 'canary-6',
        note: `sent Bearer canary-7777 and ${jwt}`,
        kept: 'yes'
      }
      await request.audit(db, {
        ...CANCELLED,
        reason: `Basic ${Buffer.from('canary:canary').toString('base64')}`,
        detail
      })
      return {}
    })
  })
  await app.inject({ method: 'POST', url: '/things', headers: caller })
  const text = JSON.stringify(await rowsOf(db))
  t.notMatch(text, /canary|Y2FuYXJ5|eyJ/)
  t.match(text, '"kept":"yes"')
})

t.test('A1: effect and row are one transaction: when the row cannot be written the effect is not there', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.post('/things', { config: CANCEL }, async request =>
      db.transaction(async trx => {
        await trx('thing').insert({ id: 1 })
        await request.audit(trx, CANCELLED)
        return { done: true }
      })
    )
  })
  await superuser.raw('revoke insert on audit_events from test_audit_app')
  const response = await app.inject({ method: 'POST', url: '/things', headers: caller })
  t.equal(response.statusCode, 503)
  t.equal(response.json().code, 'SALLYPORT_AUDIT_UNAVAILABLE')
  t.equal((await db('thing')).length, 0)
})

t.test('A1: with the database down every response that owes a row is 503 and nothing of it leaves', async t => {
  const db = deadPool(t)
  let stream: Readable | undefined
  const app = await buildApp(t, { db }, app => {
    app.register(async app => {
      await app.register(cookie)
      app.get(
        '/read',
        { config: { access: 'authenticated', audit: { action: 'order.read' } } },
        async (_request, reply) =>
          reply
            .setCookie('session', 'canary')
            .header('x-order', 'canary')
            .header('x-request-id', 'r-1')
            .send({ canary: true })
      )
      app.get(
        '/stream',
        { config: { access: 'authenticated', audit: { action: 'order.read' } } },
        async (_request, reply) => {
          stream = Readable.from(['canary'])
          return reply.send(stream)
        }
      )
      app.get('/denied', { config: { access: 'public', audit: 'none' } }, async (request, reply) => {
        request.securityEvents.push({ stage: 'authorization', outcome: 'denied', reason: 'role-missing' })
        return reply.code(403).send({ canary: true })
      })
    })
  })
  for (const url of ['/read', '/stream', '/denied']) {
    const response = await app.inject({ url, headers: caller })
    t.equal(response.statusCode, 503, url)
    t.same(response.json(), {
      type: 'about:blank',
      title: 'The audit trail is not available',
      status: 503,
      code: 'SALLYPORT_AUDIT_UNAVAILABLE',
      requestId: response.json().requestId
    })
    t.match(response.json().requestId, /^req-/, url)
    t.notMatch(JSON.stringify(response.headers) + response.body, 'canary')
    t.equal(response.headers['set-cookie'], undefined)
    t.equal(response.headers['retry-after'], '5')
  }
  t.equal((await app.inject({ url: '/read' })).headers['x-request-id'], 'r-1', 'a header for tracing stays')
  t.equal(stream?.destroyed, true)
})

t.test('A1: over a real connection the withheld response ends cleanly, and onResponse hooks see the 503', async t => {
  const db = deadPool(t)
  const seen: number[] = []
  const app = await buildApp(t, { db }, app => {
    app.addHook('onResponse', async (_request, reply) => {
      seen.push(reply.statusCode)
    })
    app.get('/read', { config: { access: 'public', audit: { action: 'order.read' } } }, async (_request, reply) =>
      reply.header('content-length', 9).send('"canary!"')
    )
    app.get('/free', { config: { access: 'public', audit: 'none' } }, async () => ({ free: true }))
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`${origin}/read`)
    t.equal(response.status, 503)
    t.equal(((await response.json()) as { code: string }).code, 'SALLYPORT_AUDIT_UNAVAILABLE')
  }
  t.equal((await fetch(`${origin}/read`, { method: 'HEAD' })).status, 503)
  t.same(await (await fetch(`${origin}/free`)).json(), { free: true }, 'a route that owes nothing is served')
  t.same(seen, [503, 503, 503, 200])
})

t.test(
  'A1: a row that request.audit cannot write is 503 with Retry-After; a deadlock keeps its code for a retry',
  async t => {
    const { app: db } = await auditDatabase(t)
    let code = '53100' // disk full
    const app = await buildApp(t, { db }, app => {
      app.post('/things', { config: CANCEL }, async request => {
        const statement = {
          timeout: async () => {
            throw Object.assign(new Error('from the database'), { code })
          }
        }
        const failing = Object.assign(() => ({ insert: () => statement }), { raw: () => statement }) as unknown as Knex
        await request.audit(failing, CANCELLED)
      })
    })
    const full = await app.inject({ method: 'POST', url: '/things', headers: caller })
    t.same([full.statusCode, full.json().code, full.headers['retry-after']], [503, 'SALLYPORT_AUDIT_UNAVAILABLE', '5'])
    t.match(
      (await rowsOf(db)).at(-1),
      { outcome: 'failure', reason: 'SALLYPORT_AUDIT_UNAVAILABLE' },
      'the attempt is recorded'
    )
    code = '40P01'
    t.equal((await app.inject({ method: 'POST', url: '/things' })).json().code, '40P01')
  }
)

t.test('A1: a database that does not answer is 503 after the write timeout', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db, writeTimeoutMs: 50 }, app => {
    app.get('/read', { config: { access: 'authenticated', audit: { action: 'order.read' } } }, async () => ({}))
  })
  await superuser.transaction(async trx => {
    await trx.raw('lock table audit_events in access exclusive mode')
    t.equal((await app.inject('/read')).statusCode, 503)
  })
})

t.test('A1: a row that is not committed when the response leaves does not count', async t => {
  const { app: db } = await auditDatabase(t)
  const open: Knex.Transaction[] = []
  const app = await buildApp(t, { db, unfulfilled: 'refuse' }, app => {
    app.post('/early', { config: CANCEL }, async request => {
      const trx = await db.transaction()
      open.push(trx)
      await request.audit(trx, CANCELLED)
      return {}
    })
    app.post('/rolled-back', { config: CANCEL }, async request => {
      const trx = await db.transaction()
      await request.audit(trx, CANCELLED)
      await trx.rollback()
      return {}
    })
    app.post('/savepoint', { config: CANCEL }, async request =>
      db.transaction(async trx => {
        const nested = await trx.transaction()
        await request.audit(nested, CANCELLED)
        await nested.rollback()
        return {}
      })
    )
  })
  for (const url of ['/early', '/rolled-back', '/savepoint']) {
    const response = await app.inject({ method: 'POST', url, headers: caller })
    t.equal(response.statusCode, 500, url)
    t.equal(response.json().code, 'SALLYPORT_AUDIT_UNFULFILLED')
  }
  for (const trx of open) await trx.rollback()
})

t.test('a 2xx of a mutating route with a declaration that wrote nothing', async t => {
  const routes = (app: FastifyInstance): void => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      app.route({ method, url: '/things', config: CANCEL, handler: async () => ({ done: true }) })
    }
    app.post('/none', { config: { access: 'authenticated', audit: 'none' } }, async () => ({}))
  }
  await t.test('is 500 with unfulfilled: refuse', async t => {
    const { app: db } = await auditDatabase(t)
    const app = await buildApp(t, { db, unfulfilled: 'refuse' }, routes)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const response = await app.inject({ method, url: '/things' })
      t.equal(response.statusCode, 500)
      t.same(response.json(), {
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        code: 'SALLYPORT_AUDIT_UNFULFILLED',
        requestId: response.headers['x-request-id']
      })
    }
    t.equal((await app.inject({ method: 'POST', url: '/none' })).statusCode, 200)
  })
  await t.test('is recorded, logged and a security event otherwise', async t => {
    const { app: db } = await auditDatabase(t)
    const seen: unknown[] = []
    const app = await buildApp(t, { db }, app => {
      app.addHook('onResponse', async request => {
        seen.push(...request.securityEvents)
      })
      routes(app)
    })
    t.equal((await app.inject({ method: 'POST', url: '/things' })).statusCode, 200)
    t.match(await rowsOf(db), [{ action: 'order.cancel', outcome: 'success', reason: 'audit-unfulfilled' }])
    t.match(seen, [{ stage: 'audit', outcome: 'failure', reason: 'audit-unfulfilled' }])
  })
})

t.test('Z08: every refusal is a row with subject, action and resource, on public routes too', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.addHook('onRequest', async (request, reply) => {
      if (request.headers['x-test-refuse'] === undefined) return
      request.securityEvents.push({
        stage: 'authentication',
        outcome: 'denied',
        reason: 'token-expired',
        detail: { kid: 'k1' }
      })
      return reply.code(401).send({})
    })
    app.post('/orders/:orderId', { config: CANCEL }, async () => {
      throw Object.assign(new Error('no'), { statusCode: 409, code: 'ORDER_STATE' })
    })
    app.post('/denied/:orderId', { config: CANCEL }, async request =>
      db.transaction(async trx => {
        await trx('thing').insert({ id: 7 })
        await request.audit(trx, { ...CANCELLED, outcome: 'denied', reason: 'not-owner' })
        throw Object.assign(new Error('no'), { statusCode: 403, code: 'FORBIDDEN' })
      })
    )
    app.post('/denied-and-committed', { config: CANCEL }, async (request, reply) => {
      await request.audit(db, { ...CANCELLED, outcome: 'denied', reason: 'not-owner' })
      return reply.code(403).send({})
    })
    app.get('/outage', { config: CANCEL }, async (request, reply) => {
      request.securityEvents.push({ stage: 'authentication', outcome: 'denied', reason: 'keys-unavailable' })
      return reply.code(503).send({})
    })
    app.get('/broken', { config: CANCEL }, async () => {
      throw new Error('internal')
    })
    app.get('/public', { config: { access: 'public', audit: 'none' } }, async () => ({}))
    app.get('/plain-404', { config: { access: 'public', audit: 'none' } }, async (_request, reply) =>
      reply.code(404).send({})
    )
  })
  // Refusals of strangers are counted: they are written behind the answer.
  const last = async (): Promise<unknown> => {
    await app.sealAudit()
    return (await rowsOf(db)).at(-1)
  }

  await app.inject({ method: 'POST', url: '/orders/o-2', headers: { ...caller, 'x-test-refuse': '1' } })
  t.match(await last(), {
    action: 'order.cancel',
    outcome: 'denied',
    reason: 'token-expired',
    resource_id: 'o-2',
    detail: {
      status: 401,
      method: 'POST',
      route: '/orders/:orderId',
      refusals: [{ stage: 'authentication', detail: { kid: 'k1' } }]
    }
  })

  await app.inject({ method: 'POST', url: '/orders/o-2', headers: caller })
  t.match(
    await last(),
    { action: 'order.cancel', outcome: 'failure', reason: 'ORDER_STATE', detail: { status: 409 } },
    'the failure of a declared route'
  )

  await app.inject({ method: 'POST', url: '/denied/o-2', headers: caller })
  t.match(
    await last(),
    { outcome: 'denied', reason: 'FORBIDDEN', subject: 'user-1' },
    'A1: a denial survives the rollback of the business transaction'
  )
  t.equal((await db('thing')).length, 0)

  await app.inject({ url: '/broken' })
  t.match(await last(), { outcome: 'failure', reason: 'status-500', detail: { status: 500 } })

  await app.inject({ url: '/public', headers: { 'x-test-refuse': '1' } })
  t.match(
    await last(),
    { action: 'request.access', outcome: 'denied', reason: 'token-expired' },
    'a refusal on a public route without an action'
  )

  await app.inject({ method: 'POST', url: '/denied-and-committed', headers: caller })
  t.match(
    (await rowsOf(db)).slice(-2),
    [{ reason: 'token-expired' }, { outcome: 'denied', reason: 'not-owner' }],
    'a refusal that the handler recorded is not recorded twice'
  )

  await app.inject({ url: '/outage' })
  t.match(
    await last(),
    { outcome: 'failure', reason: 'keys-unavailable', detail: { status: 503 } },
    'an outage is a failure, not a denial'
  )

  await app.inject({ url: '/nowhere', headers: { 'x-test-refuse': '1' } })
  t.match(
    await last(),
    { action: 'request.refused', outcome: 'denied', reason: 'token-expired', detail: { route: '' } },
    'a refusal by a stage on an unknown route'
  )

  const before = (await rowsOf(db)).length
  await app.inject({ url: '/nowhere' })
  await app.inject({ url: '/plain-404' })
  await app.inject({ url: '/public' })
  await app.sealAudit()
  t.equal(
    (await rowsOf(db)).length,
    before,
    'no row for an unknown route, for a 404 without a refusal, or for success on a route with audit none'
  )
})

t.test('a declared read and a reported effect are written without the handler', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.get(
      '/orders/:orderId',
      {
        config: { access: 'public', audit: { action: 'order.read', resource: { type: 'order', parameter: 'orderId' } } }
      },
      async () => ({})
    )
    app.post('/login', { config: { access: 'public', audit: { action: 'session.login' } } }, async request => {
      request.securityEvents.push({ stage: 'session', outcome: 'success', reason: 'login', subject: 'user-9' })
      return {}
    })
  })
  await app.inject({ url: '/orders/o-3', headers: caller })
  await app.inject({ method: 'POST', url: '/login' })
  t.match(await rowsOf(db), [
    { action: 'order.read', outcome: 'success', subject: 'user-1', resource_id: 'o-3' },
    { action: 'session.login', outcome: 'success', reason: 'login', subject: 'user-9' }
  ])
})

t.test('a handler that hijacks its reply flushes itself, once', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.get(
      '/proxied',
      { config: { access: 'authenticated', audit: { action: 'order.read' } } },
      async (request, reply) => {
        reply.hijack()
        reply.code(206)
        const refused = await app.flushAudit(request, reply).then(
          () => null,
          (error: unknown) => error as { statusCode: number; code: string }
        )
        await app.flushAudit(request, reply)
        reply.raw.writeHead(refused?.statusCode ?? 206)
        reply.raw.end(refused?.code ?? 'payload')
      }
    )
  })
  t.equal((await app.inject('/proxied')).statusCode, 206)
  t.match(await rowsOf(db), [{ action: 'order.read', detail: { status: 206 } }])
  t.equal((await rowsOf(db)).length, 1)
  await superuser.raw('revoke insert on audit_events from test_audit_app')
  const response = await app.inject('/proxied')
  t.same([response.statusCode, response.body], [503, 'SALLYPORT_AUDIT_UNAVAILABLE'])
})

t.test('the sink writes process events; an event without action or with a made-up outcome is refused', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  await app.auditSink.write({
    action: 'key.rotate',
    outcome: 'success',
    subject: 'admin-1',
    clientId: 'cli',
    resource: { type: 'key', id: 'k1' }
  })
  t.match(await rowsOf(db), [
    { action: 'key.rotate', subject: 'admin-1', client_id: 'cli', resource_id: 'k1', request_id: null }
  ])
  await t.rejects(app.auditSink.write({ action: '', outcome: 'success' }), { code: 'SALLYPORT_AUDIT_EVENT_INVALID' })
  await t.rejects(app.auditSink.write({ action: 'x', outcome: 'fine' as 'success' }), {
    code: 'SALLYPORT_AUDIT_EVENT_INVALID'
  })
})

t.test(
  'A7: CR/LF, NUL, lone surrogates, bidirectional characters and 1 MB in any field neither break nor forge a row',
  async t => {
    const { app: db } = await auditDatabase(t)
    const app = await buildApp(t, { db }, () => {})
    const evil = [
      'a\r\n2026 admin logged in',
      'nul\0nul',
      'lone\ud800',
      '\u202eevil\u2066',
      'x'.repeat(1_048_576),
      '"},{"action":"forged',
      "'; drop table audit_events; --",
      '__proto__'
    ]
    for (const text of evil) {
      await app.auditSink.write({
        action: text,
        outcome: 'denied',
        reason: text,
        subject: text,
        clientId: text,
        resource: { type: text, id: text },
        detail: { [text]: text, list: [text, { [text]: [text] }] }
      })
    }
    await sealNow(db)
    const rows = await rowsOf(db)
    t.equal(rows.length, evil.length)
    t.match(await verifyChain(db), { ok: true, sealedRows: evil.length })
    t.equal(rows[0]?.subject, evil[0], 'line ends are kept as data')
    t.equal(rows[1]?.subject, 'nul\\u0000nul')
    t.equal(rows[2]?.subject, 'lone\ufffd')
    t.match(rows[4]?.subject, /^x{1024}…\[1048576 characters, sha256 [0-9a-f]{64}\]$/)
    t.ok(JSON.stringify(rows).length < 300_000)
  }
)

t.test('detail is bounded in depth, members and bytes, each with a marker', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  let deep: Record<string, unknown> = {}
  for (let i = 0; i < 50; i++) deep = { deep }
  const wide = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i]))
  const long = Array.from({ length: 90 }, () => 'y'.repeat(4000))
  for (const detail of [
    { deep },
    wide,
    { list: Array.from({ length: 150 }, (_, i) => i) },
    { long },
    { odd: [NaN, 1n, undefined, () => {}, new Date(0), new Date(NaN), Symbol('s')] }
  ]) {
    await app.auditSink.write({ action: 'x', outcome: 'success', detail })
  }
  const rows = await rowsOf(db)
  t.match(JSON.stringify(rows[0]?.detail), '[too deep]')
  t.match(rows[1]?.detail, { '[more]': 100 })
  t.match(JSON.stringify(rows[2]?.detail), '[50 more]')
  t.match(rows[3]?.detail, { truncated: true, bytes: Number })
  t.same(rows[4]?.detail, { odd: ['NaN', '1', null, null, '1970-01-01T00:00:00.000Z', null, null] })
})
