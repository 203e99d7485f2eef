import type { SecurityEvent } from '@sallyport/security-context'
import Fastify from 'fastify'
import auditLog from '@sallyport/audit-log'
import t from 'tap'
import { auditDatabase, buildApp } from './support/audited-app.ts'

const ROUTE = { path: '/audit', access: { kind: 'role', anyOf: ['ADMIN'] } } as const

t.test('the audit route', async t => {
  const { app: db } = await auditDatabase(t)
  let second = 0
  const app = await buildApp(
    t,
    {
      db,
      route: ROUTE,
      sealer: { intervalMs: 3_600_000 },
      clock: () => Date.UTC(2026, 10, 23, 10, 0, second++)
    },
    () => {}
  )
  for (let i = 0; i < 5; i++) {
    await app.auditSink.write({
      action: i % 2 === 0 ? 'order.create' : 'order.cancel',
      outcome: i === 4 ? 'denied' : 'success',
      subject: `user-${i}`,
      clientId: `client-${i}`,
      nameTried: `courier${i}`,
      resource: { type: 'order', id: `o-${i}` }
    })
  }
  const get = async (
    query: string
  ): Promise<{
    status: number
    body: {
      events: { sequence: number; action: string; subject: string }[]
      next: number | null
      code?: string
      message?: string
    }
  }> => {
    const response = await app.inject({ url: `/audit${query}`, headers: { 'x-test-subject': 'admin-1' } })
    return { status: response.statusCode, body: response.json() }
  }

  await t.test('holds everything committed before, in order, by page', async t => {
    const first = await get('?order=oldest&limit=2')
    t.same(
      first.body.events.map(event => event.sequence),
      [1, 2]
    )
    t.equal(first.body.next, 2)
    const second = await get('?order=oldest&limit=2&after=2')
    t.same(
      second.body.events.map(event => event.sequence),
      [3, 4]
    )
    const newest = await get('?limit=1&action=order.create&after=6')
    t.match(newest.body, {
      events: [
        {
          sequence: 5,
          outcome: 'denied',
          subject: 'user-4',
          resourceId: 'o-4',
          occurredAt: '2026-11-23T10:00:04.000000Z'
        }
      ],
      next: 5
    })
    t.match(newest.body.events[0], { chainHash: /^[0-9a-f]{64}$/ })
  })

  await t.test('filters by subject, action, outcome, resource and time', async t => {
    const sequences = async (query: string): Promise<number[]> =>
      (await get(`${query}&order=oldest`)).body.events.map(event => event.sequence)
    t.same(await sequences('?subject=user-3'), [4])
    t.same(await sequences('?action=order.cancel'), [2, 4])
    t.same(await sequences('?clientId=client-2'), [3])
    t.same(await sequences(`?nameTried=hmac-sha256:none:${'0'.repeat(64)}`), [])
    t.same(await sequences('?outcome=denied'), [5])
    t.same(await sequences('?resourceType=order&resourceId=o-1'), [2])
    t.same(await sequences('?resourceType=ticket'), [])
    t.same(await sequences('?from=2026-11-23T10:00:01Z&until=2026-11-23T10:00:03Z'), [2, 3])
  })

  await t.test('filters by request, trace, transaction and session of the rows that a request wrote', async t => {
    const own = (await get('?action=audit.read&limit=1')).body.events[0] as unknown as Record<string, string>
    for (const name of ['requestId', 'traceId', 'txn', 'sessionId']) {
      t.ok(own[name], name)
      const { events } = (await get(`?action=audit.read&${name}=${own[name]}`)).body
      t.ok(events.some(({ sequence }) => sequence === Number(own.sequence)))
      t.same((await get(`?${name}=other`)).body.events, [], `another ${name}`)
    }
  })

  await t.test('records that it was read, and what was asked for', async t => {
    const nameTried = `hmac-sha256:k:${'0'.repeat(64)}`
    await get(`?subject=user-3&from=2026-11-23T10:00:00Z&after=7&nameTried=${nameTried}`)
    t.match((await get('?action=audit.read&order=newest&limit=1')).body, {
      events: [
        {
          action: 'audit.read',
          outcome: 'success',
          subject: 'admin-1',
          detail: {
            status: 200,
            asked: {
              order: 'newest',
              limit: 100,
              after: 7,
              subject: 'user-3',
              from: '2026-11-23T10:00:00.000Z',
              nameHash: nameTried
            }
          }
        }
      ]
    })
  })

  await t.test('refuses what it does not know, and names the parameter', async t => {
    t.equal((await get('?%3Cb%3E=x')).body.message, 'The audit query is not valid: a name')
    for (const query of [
      '?subjct=x',
      '?subject=a&subject=b',
      '?limit=0',
      '?limit=501',
      '?limit=1e2',
      '?after=-1',
      '?after=',
      '?order=random',
      '?from=yesterday',
      '?from=2026-11-23',
      '?until=2026-13-45T00:00:00Z',
      '?until=2026-02-30T00:00:00Z',
      '?subject=a%00',
      `?subject=${'x'.repeat(1201)}`
    ]) {
      const { status, body } = await get(query)
      t.equal(status, 400, query)
      const [, name = ''] = /^\?(\w+)/.exec(query) ?? []
      t.equal(body.message, `The audit query is not valid: ${name}`)
      t.equal(body.code, 'SALLYPORT_AUDIT_QUERY_INVALID')
    }
  })

  await t.test('A7: shows bidirectional and control characters escaped', async t => {
    await app.auditSink.write({
      action: 'order.note',
      outcome: 'success',
      detail: { note: 'a\u202eb\u2028c\r\n\u009b' }
    })
    const response = await app.inject('/audit?action=order.note')
    t.match(response.body, 'a\\u202eb\\u2028c\\r\\n\\u009b')
    t.match(response.json(), { events: [{ detail: { note: 'a\u202eb\u2028c\r\n\u009b' } }] })
  })
})

t.test('the audit route carries its policy, and does not exist without the option', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, route: ROUTE }, app => {
    app.addHook('onRequest', async (request, reply) => {
      t.same(request.routeOptions.config.access, ROUTE.access)
      t.same(request.routeOptions.config.audit, { action: 'audit.read' })
      return reply.code(403).send({})
    })
  })
  t.equal((await app.inject('/audit')).statusCode, 403)
  const none = await buildApp(t, { db }, () => {})
  t.equal((await none.inject('/audit')).statusCode, 404)
  t.equal((await app.sealAudit()).sealed, 1)
})

t.test(
  'the filter by subject finds who logged in and whose password was wrong; the one by name follows a name that is no account',
  async t => {
    const { app: db } = await auditDatabase(t)
    const app = await buildApp(t, { db, route: ROUTE, sealer: { intervalMs: 3_600_000 } }, app => {
      app.post<{ Body: SecurityEvent }>(
        '/login',
        { config: { access: 'public', audit: { action: 'session.login' } } },
        async (request, reply) => {
          request.securityEvents.push(request.body)
          return reply.code(request.body.outcome === 'success' ? 200 : 401).send({})
        }
      )
    })
    const login = async (event: Pick<SecurityEvent, 'outcome' | 'reason'> & Partial<SecurityEvent>) =>
      app.inject({ method: 'POST', url: '/login', payload: { stage: 'session', ...event } })
    await login({ outcome: 'success', reason: 'login-succeeded', subject: 'user-9' })
    await login({ outcome: 'denied', reason: 'password-wrong', subject: 'user-9', nameTried: 'customer9' })
    await login({ outcome: 'denied', reason: 'login-rejected', nameTried: 'nobody' })
    const found = async (query: Record<string, string>) =>
      (await app.inject({ url: `/audit?${new URLSearchParams(query).toString()}` })).json<{
        events: Array<{ reason: string; nameTried: string }>
      }>().events
    t.same((await found({ subject: 'user-9' })).map(({ reason }) => reason).toSorted(), [
      'login-succeeded',
      'password-wrong'
    ])
    t.equal((await app.inject('/audit?nameTried=customer9')).statusCode, 400, 'in clear it needs another right')
    const [unknown] = (await found({ action: 'session.login' })).filter(({ reason }) => reason === 'login-rejected')
    t.match(await found({ nameTried: unknown?.nameTried ?? '' }), [{ reason: 'login-rejected' }])
  }
)

t.test('every boot mistake is named at once', async t => {
  const app = Fastify().decorateRequest('principal', null)
  await t.rejects(
    async () => {
      await app.register(auditLog, {
        db: {} as never,
        process: '',
        sealer: { intervalMs: 0, stalledAfterIntervals: 0 },
        writeTimeoutMs: -1,
        maxWaitingRows: 0.5,
        refusals: { intervalMs: 0, maxKeys: 0 },
        privacy: {
          joinKeys: [{ id: 'process', key: new Uint8Array(31) }],
          keys: [{ id: '?', key: new Uint8Array(31) }]
        },
        unfulfilled: 'maybe' as never,
        route: { path: 'audit', access: 'public' as never }
      })
    },
    {
      code: 'SALLYPORT_AUDIT_OPTIONS_INVALID',
      message:
        /db must .*process must .*sealer\.intervalMs .*sealer\.stalledAfterIntervals .*route\.path .*route\.access.*unfulfilled .*writeTimeoutMs .*maxWaitingRows .*refusals\.intervalMs .*refusals\.maxKeys .*privacy\.keys.*privacy\.joinKeys/
    }
  )
})

t.test('a route without an audit declaration fails the boot', async t => {
  const { app: db } = await auditDatabase(t)
  await t.rejects(
    buildApp(t, { db }, app => {
      app.get('/undeclared', { config: { access: 'public' } }, async () => ({}))
    }),
    { code: 'SALLYPORT_CONTEXT_ROUTES_UNDECLARED', message: /GET \/undeclared/ }
  )
})
