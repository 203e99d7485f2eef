import auditLog from '@sallyport/audit-log'
import authentication from '@sallyport/authentication'
import authorization, { owner, role } from '@sallyport/authorization'
import securityContext, { problemDetails } from '@sallyport/security-context'
import {
  createAuditRows,
  createIssuer,
  frozenClock,
  frozenTimers,
  injectAs,
  injectedCaller,
  injectedCallers,
  recordSecurityEvents,
  testPrincipal,
  type AuditRows
} from '@sallyport/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'

const ORDERS: Readonly<Record<string, { customer: string }>> = { 1: { customer: 'user-1' } }
const audit = { action: 'order.cancel', resource: { type: 'order', parameter: 'orderId' } } as const

/** An app with the plugins that decide and record, and no database. */
async function orderApp(t: Test, authenticate: (app: FastifyInstance) => Promise<void>) {
  const [app, rows] = [Fastify(), createAuditRows()]
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await authenticate(app)
  await app.register(authorization)
  await app.register(auditLog, { process: 'orders', store: rows, clock: frozenClock(0) })
  const events = recordSecurityEvents(app)
  app.post<{ Params: { orderId: string }; Body: { transaction?: Knex } }>(
    '/orders/:orderId/cancel',
    {
      config: {
        access: owner('customer'),
        audit,
        resource: async request => ORDERS[(request.params as { orderId: string }).orderId] ?? null
      }
    },
    async request => {
      await request.audit(null as unknown as Knex, { action: 'order.cancel', outcome: 'success' })
      return { state: 'cancelled' }
    }
  )
  app.get('/report', { config: { access: role('ADMIN'), audit: { action: 'report.read' } } }, async () => [])
  return { app, rows, events }
}

const actions = ({ rows }: AuditRows): string[] =>
  rows.map(({ action, outcome, reason, subject }) => [action, outcome, reason, subject].join(' '))

t.test('a caller is injected, decided over, and recorded', async t => {
  const { app, rows, events } = await orderApp(t, async app => {
    await app.register(injectedCallers)
  })
  const cancel = { method: 'POST', url: '/orders/1/cancel', payload: {} } as const
  t.equal((await injectAs(app, { subject: 'user-1' }, cancel)).statusCode, 200)
  t.strictSame(
    events.last().map(({ stage, outcome }) => `${stage} ${outcome}`),
    ['authentication success']
  )
  t.not((await injectAs(app, { sub: 'user-2' }, cancel)).statusCode, 200)
  t.equal((await injectAs(app, { subject: 'x', roles: ['ADMIN'] }, '/report')).statusCode, 200)
  t.equal((await injectAs(app, { subject: 'x' }, '/report')).statusCode, 403)
  t.match(actions(rows), [
    'order.cancel success  user-1',
    /^order.cancel denied \S+ user-2$/,
    'report.read success  x',
    /^report.read denied \S+ x$/
  ])
  t.match(rows.rows[0], { resourceType: 'order', resourceId: '1' })
  t.match(events.summaries().join('\n'), /authorization denied/)
  events.clear()
  t.strictSame(events.all(), [])
})

t.test('without an injected caller nobody is known, and the header of one request works in no other', async t => {
  const { app } = await orderApp(t, async app => {
    await app.register(injectedCallers)
  })
  let seen: unknown
  app.addHook('onRequest', async request => {
    seen = request.headers['sallyport-test-caller']
  })
  await injectAs(app, { roles: ['ADMIN'] }, '/report')
  t.type(seen, 'string')
  const again = await app.inject({ url: '/report', headers: { 'sallyport-test-caller': String(seen) } })
  t.equal(again.statusCode, 401)
  t.equal((await app.inject('/report')).statusCode, 401)
})

t.test('beside real tokens it is a strategy of the authentication plugin', async t => {
  const issuer = createIssuer()
  const { issuer: name, jwksUri, dispatcher } = issuer
  const { app, events } = await orderApp(t, async app => {
    await app.register(authentication, {
      issuer: name,
      audience: 'test-service',
      jwksUri,
      dispatcher,
      statusLists: { allowedUris: issuer.statusLists },
      strategies: [injectedCaller]
    })
  })
  t.equal((await injectAs(app, { roles: ['ADMIN'] }, '/report')).statusCode, 200)
  t.match(events.last()[0], { stage: 'authentication', detail: { strategy: 'injected' } })
  t.equal((await issuer.injectAs(app, { roles: ['ADMIN'] }, '/report')).statusCode, 200)
  t.equal((await app.inject('/report')).statusCode, 401)
})

t.test('an app that asks nobody who the caller is is told so', async t => {
  const { app } = await orderApp(t, async () => {})
  await t.rejects(injectAs(app, { roles: ['ADMIN'] }, '/report'), { code: 'SALLYPORT_TESTING_CALLER_NOT_INJECTED' })
})

t.test('a principal that says nothing may do nothing, and claims say what a verifier would read', async t => {
  t.match(testPrincipal(), { subject: 'test-user', roles: [], scopes: [], actor: null, claims: {} })
  const claims = {
    sub: 'u',
    scope: 'a  b',
    roles: ['R', 1],
    client_id: 'c',
    sid: 's',
    iss: 'https://i.test',
    tenant: 7
  }
  t.match(testPrincipal(claims), {
    subject: 'u',
    scopes: ['a', 'b'],
    roles: ['R'],
    clientId: 'c',
    sessionId: 's',
    issuer: 'https://i.test',
    claims: { tenant: 7 }
  })
})

t.test('what the trail in memory cannot keep is refused as that of a database is', async t => {
  const { app, rows } = await orderApp(t, async app => {
    await app.register(injectedCallers)
  })
  rows.trouble = new Error('the trail is away')
  const response = await injectAs(app, { roles: ['ADMIN'] }, '/report')
  t.equal(response.statusCode, 503)
  t.equal(response.json<{ code: string }>().code, 'SALLYPORT_AUDIT_UNAVAILABLE')
  rows.trouble = null
  t.equal((await injectAs(app, { roles: ['ADMIN'] }, '/report')).statusCode, 200)
  t.equal(rows.rows.length, 1)
})

t.test('a row of a transaction that is rolled back goes, and that of a committed one stays', async t => {
  const audit = createAuditRows()
  const row = (id: string) => ({
    ...{ id, action: 'a', outcome: 'success' as const, reason: null, subject: null },
    ...{ resourceType: null, resourceId: null, detail: null }
  })
  const broken = Promise.reject(new Error('rolled back'))
  await audit.insertWithin(
    Object.assign(() => {}, { executionPromise: broken }),
    [row('1'), row('2')]
  )
  await audit.insertWithin(
    Object.assign(() => {}, { executionPromise: Promise.resolve() }),
    [row('3')]
  )
  await t.rejects(broken)
  t.strictSame(
    audit.rows.map(({ id }) => id),
    ['3']
  )
  t.strictSame([...(await audit.committed(['1', '3']))], ['3'])
})

t.test('the trail is in a database or in a store, and only a database has a route', async t => {
  const boot = async (options: object): Promise<void> => {
    const app = Fastify()
    app.decorateRequest('principal', null)
    await app.register(auditLog, { process: 'p', ...options })
  }
  await t.rejects(boot({}), { message: /db is missing/ })
  await t.rejects(boot({ store: createAuditRows(), db: () => {} }), { message: /db and store must not both be given/ })
  await t.rejects(boot({ store: createAuditRows(), route: { path: '/audit', access: 'authenticated' } }), {
    message: /route needs db/
  })
})

t.test('the clock stands until it is moved', async t => {
  const clock = frozenClock(1000)
  t.equal(clock(), 1000)
  clock.advance(500)
  t.equal(clock(), 1500)
  clock.ms = 7
  t.equal(clock(), 7)
  t.ok(Math.abs(frozenClock().ms - Date.now()) < 60_000)
})

t.test('timers of a frozen clock run in their order when the test moves it, and not before', async t => {
  const ran: string[] = []
  const time = frozenTimers(1000, async () => {
    ran.push(`at rest at ${time.clock()}`)
  })
  time.startTimer(() => ran.push('late'), 30)
  time.startTimer(() => time.startTimer(() => ran.push('begun by another'), 5), 10)
  time.startTimer(() => ran.push('stopped'), 1).stop()
  await time.advance(9)
  t.strictSame(ran, [])
  await time.advance(21)
  t.strictSame(ran, ['at rest at 1010', 'begun by another', 'at rest at 1015', 'late', 'at rest at 1030'])
  t.equal(time.waiting(), 0)
  t.equal(time.clock(), 1030)
})
