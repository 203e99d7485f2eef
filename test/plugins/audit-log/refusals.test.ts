import auditLog, { verifyChain, type AuditLogOptions } from '@sallyport/audit-log'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { fieldClasses } from '../../../plugins/audit-log/src/privacy/field-class.ts'
import { createJoinHash } from '../../../plugins/audit-log/src/privacy/join-hash.ts'
import { refusalRow } from '../../../plugins/audit-log/src/refusal-rows.ts'
import { createBatchWriter } from '../../../plugins/audit-log/src/batch-writer.ts'
import { insertAgain, insertTogether } from '../../../plugins/audit-log/src/insert-together.ts'
import { openTrailRows } from '../../support/trail-rows.ts'
import { auditDatabase, buildApp, deadPool, rowsOf } from './support/audited-app.ts'

const INTERVAL_MS = 7_000

/**
 * An app whose intervals a test ends, with a clock that it sets. Routes: `/orders`, refused to everybody, and `/login`.
 */
async function counting(
  t: Test,
  options: Omit<AuditLogOptions, 'process'>
): Promise<{ app: FastifyInstance; endInterval: () => Promise<void>; now: { ms: number } }> {
  const now = { ms: Date.parse('2026-11-25T10:00:00.000Z') }
  let endInterval = async (): Promise<void> => {}
  const app = await buildApp(
    t,
    {
      refusals: { intervalMs: INTERVAL_MS },
      clock: () => now.ms,
      schedule: (run, intervalMs) => {
        if (intervalMs === INTERVAL_MS) endInterval = run
        return { stop: () => {} }
      },
      addresses: request => ({ source: String(request.headers['x-test-source'] ?? '192.0.2.1') }),
      ...options
    },
    app => {
      app.get('/orders', { config: { access: 'authenticated', audit: 'none' } }, async (request, reply) => {
        request.securityEvents.push({
          stage: 'authentication',
          outcome: 'denied',
          reason: String(request.headers['x-test-reason'] ?? 'credentials-required')
        })
        return reply.code(401).send({})
      })
      app.post<{ Body: { username: string; subject?: string } }>(
        '/login',
        { config: { access: 'public', audit: { action: 'session.login' } } },
        async (request, reply) => {
          const { username, subject } = request.body
          request.securityEvents.push({
            stage: 'session',
            outcome: 'denied',
            reason: 'login-rejected',
            nameTried: username,
            ...(subject === undefined ? {} : { subject })
          })
          return reply.code(401).send({})
        }
      )
    }
  )
  return { app, endInterval: () => endInterval(), now }
}

async function refuse(app: FastifyInstance, times: number, headers: Record<string, string> = {}): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { statusCode } = await app.inject({ url: '/orders', headers })
    if (statusCode !== 401) throw new Error(`answered ${statusCode}`)
  }
}

const sumOf = (rows: ReadonlyArray<Record<string, unknown>>): number =>
  rows.reduce((sum, { repeats }) => sum + Number(repeats), 0)

t.test(
  'a thousand requests of a stranger are two rows: the first at once, and how many followed, from when to when',
  async t => {
    const { app: db } = await auditDatabase(t)
    const { app, endInterval, now } = await counting(t, { db })
    for (let i = 0; i < 10; i++) {
      await refuse(app, 100)
      now.ms += 100
    }
    await endInterval()
    const rows = await openTrailRows(db, await rowsOf(db))
    t.match(rows, [
      {
        action: 'request.access',
        outcome: 'denied',
        reason: 'credentials-required',
        repeats: 1,
        source_address: '192.0.2.1',
        request_id: String,
        detail: { status: 401, method: 'GET', route: '/orders' }
      },
      {
        action: 'request.access',
        outcome: 'denied',
        reason: 'credentials-required',
        repeats: 999,
        source_address: '192.0.2.1',
        request_id: null,
        detail: {
          status: 401,
          method: 'GET',
          route: '/orders',
          firstAt: '2026-11-25T10:00:00.000Z',
          lastAt: '2026-11-25T10:00:00.900Z'
        }
      }
    ])
    t.equal(rows.length, 2)
    await refuse(app, 50)
    await endInterval()
    t.same(
      (await rowsOf(db)).map(({ repeats }) => repeats),
      [1, 999, 50],
      'one row an interval while it goes on'
    )
    await endInterval()
    await endInterval()
    await refuse(app, 1)
    await app.sealAudit()
    t.equal(sumOf(await rowsOf(db)), 1051)
    t.match(await verifyChain(db), { ok: true })
  }
)

t.test('sources, reasons and routes are told apart; addresses of one IPv6 subscriber are one source', async t => {
  const { app: db } = await auditDatabase(t)
  const { app, endInterval } = await counting(t, { db })
  await refuse(app, 2, { 'x-test-source': '198.51.100.7' })
  await refuse(app, 2, { 'x-test-source': '2001:db8::1' })
  await refuse(app, 2, { 'x-test-source': '2001:db8::2' })
  await refuse(app, 2, { 'x-test-reason': 'token-expired' })
  await app.inject({ url: '/nowhere' })
  await endInterval()
  const rows = await openTrailRows(db, await rowsOf(db))
  t.same(rows.map(({ source_address: source, reason, repeats }) => [source, reason, repeats]).toSorted(), [
    ['192.0.2.1', 'token-expired', 1],
    ['192.0.2.1', 'token-expired', 1],
    ['198.51.100.7', 'credentials-required', 1],
    ['198.51.100.7', 'credentials-required', 1],
    ['2001:db8:0:0::/64', 'credentials-required', 3],
    ['2001:db8::1', 'credentials-required', 1]
  ])
})

t.test('past the cap everything else is one row, with its exact number', async t => {
  const { app: db } = await auditDatabase(t)
  const { app, endInterval } = await counting(t, { db, refusals: { intervalMs: INTERVAL_MS, maxKeys: 3 } })
  for (let host = 1; host <= 50; host++) await refuse(app, 2, { 'x-test-source': `198.51.100.${host}` })
  await endInterval()
  const rows = await rowsOf(db)
  t.equal(rows.length, 7, 'three firsts, three counts, and the rest')
  t.match(
    rows.filter(({ reason }) => reason === 'others'),
    [
      {
        action: 'request.refused',
        outcome: 'denied',
        source_address: null,
        repeats: 94,
        detail: { firstAt: String, lastAt: String }
      }
    ]
  )
  t.equal(sumOf(rows), 100)
})

t.test(
  "a stranger's 401 needs no database, and what was counted meanwhile is written once it is back; a known caller's refusal still needs it",
  async t => {
    const { app: db, superuser } = await auditDatabase(t)
    const { app, endInterval } = await counting(t, { db })
    await superuser.raw('alter table audit_events rename to audit_events_gone')
    await refuse(app, 20)
    t.equal((await app.inject({ url: '/orders', headers: { 'x-test-subject': 'user-1' } })).statusCode, 503)
    await endInterval()
    await refuse(app, 20, { 'x-test-reason': 'token-expired' })
    await endInterval()
    await superuser.raw('alter table audit_events_gone rename to audit_events')
    await endInterval()
    await endInterval()
    const rows = await rowsOf(db)
    t.same(rows.map(({ reason, repeats }) => [reason, repeats]).toSorted(), [
      ['credentials-required', 1],
      ['credentials-required', 19],
      ['token-expired', 1],
      ['token-expired', 19]
    ])
  }
)

t.test('a row whose write was confirmed too late is not written twice', async t => {
  const { app: db } = await auditDatabase(t)
  const context = { process: 'demo', classify: fieldClasses(), joinHash: createJoinHash() }
  const { write } = createBatchWriter({
    insert: records => insertTogether(db, records, 5000),
    insertAgain: records => insertAgain(db, records, 5000),
    timeoutMs: 5000,
    maxWaiting: 10
  })
  for (const tally of [
    { id: '00000000-0000-4000-8000-00000000000a', kind: 'others', sample: null, repeats: 3, firstAtMs: 1, lastAtMs: 2 },
    { id: '00000000-0000-4000-8000-00000000000b', kind: 'others', sample: null, repeats: 4, firstAtMs: 3, lastAtMs: 4 }
  ] as const) {
    for (let attempt = 0; attempt < 2; attempt++) await write([refusalRow(tally, context)])
  }
  t.same(
    (await rowsOf(db)).map(({ repeats }) => repeats),
    [3, 4]
  )
})

t.test('a count that the database refuses whenever it is tried keeps back no other', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const { app, endInterval } = await counting(t, { db })
  await superuser.raw("alter table audit_events add constraint not_this_one check (reason <> 'unfit')")
  for (const reason of ['unfit', 'no-token', 'expired', 'unfit', 'no-token', 'expired', 'expired']) {
    await app.inject({ url: '/orders', headers: { 'x-test-reason': reason } })
  }
  await endInterval()
  await endInterval()
  const rows = await rowsOf(db)
  t.same(rows.map(({ reason, ...row }) => `${reason} ${row['repeats']}`).toSorted(), [
    'expired 1',
    'expired 2',
    'no-token 1',
    'no-token 1'
  ])
  await superuser.raw('alter table audit_events drop constraint not_this_one')
  await endInterval()
  await endInterval()
  t.equal((await rowsOf(db)).filter(({ reason }) => reason === 'unfit').length, 2, 'and is not given up')
})

t.test('with no database at all a stranger is answered as always', async t => {
  const { app } = await counting(t, { db: deadPool(t), writeTimeoutMs: 100 })
  await refuse(app, 3)
})

t.test('closing writes what is pending, before the last sealing', async t => {
  const { app: db } = await auditDatabase(t)
  const { app } = await counting(t, { db, sealer: {} })
  await refuse(app, 30)
  await app.close()
  const rows = await rowsOf(db)
  t.same(
    rows.map(({ repeats }) => repeats),
    [1, 29]
  )
  t.match(await verifyChain(db), { ok: true, sealedRows: 2, unsealedRows: 0 })
})

t.test(
  'closing without a database ends, and the log says how many refusals were lost; the boot said that kill -9 loses an interval',
  async t => {
    const lines: string[] = []
    const app = Fastify({
      logger: {
        level: 'info',
        stream: {
          write: (line: string) => {
            lines.push(line)
          }
        }
      }
    })
    app.decorateRequest('principal', null)
    await app.register(auditLog, { db: deadPool(t), process: 'demo', sealer: false, writeTimeoutMs: 100 })
    app.get('/orders', { config: { audit: { action: 'order.list' } } }, async (_request, reply) =>
      reply.code(401).send({})
    )
    await app.inject('/orders')
    await app.inject('/orders')
    await app.close()
    const logged = lines.map(
      line => JSON.parse(line) as { level: number; msg: string; unwritten?: number; intervalMs?: number }
    )
    t.match(
      logged.find(({ msg }) => /kill -9/.test(msg)),
      { intervalMs: 60_000 }
    )
    t.match(logged.filter(({ level }) => level === 50).at(-1), {
      unwritten: 2,
      msg: 'counted refusals could not be written'
    })
  }
)

t.test('reading the trail writes the counts first', async t => {
  const { app: db } = await auditDatabase(t)
  const { app } = await counting(t, { db, sealer: {}, route: { path: '/audit', access: 'authenticated' } })
  await refuse(app, 5)
  const { events } = (await app.inject({ url: '/audit', headers: { 'x-test-subject': 'user-1' } })).json<{
    events: Array<{ repeats: number }>
  }>()
  t.same(events.map(({ repeats }) => repeats).toSorted(), [1, 4])
})

t.test(
  'the name tried at a login is a keyed hash, joinable under its key, and sealed where the account exists',
  async t => {
    const { app: db } = await auditDatabase(t)
    const joinKeys = [{ id: 'names-1', key: Buffer.alloc(32, 7) }]
    const tries = async (
      options: Partial<AuditLogOptions>,
      ...bodies: Array<{ username: string; subject?: string }>
    ): Promise<string[]> => {
      await db.raw('select 1')
      const before = (await rowsOf(db)).length
      const { app, endInterval } = await counting(t, { db, ...options })
      for (const payload of bodies) await app.inject({ method: 'POST', url: '/login', payload })
      await endInterval()
      const rows = await openTrailRows(db, await rowsOf(db))
      return rows.slice(before).map(({ name_tried: name }) => String(name))
    }
    const [unknown, again, other, known] = await tries(
      { privacy: { joinKeys } },
      { username: 'hunter2' },
      { username: 'hunter2' },
      { username: 'hunter3' },
      { username: 'customer1', subject: 'user-1' }
    ).then(names => names.toSorted())
    t.equal(unknown, 'customer1')
    t.match(
      [again, other, known].every(name => /^hmac-sha256:names-1:[0-9a-f]{64}$/.test(name ?? '')),
      true
    )
    t.equal(new Set([again, other, known]).size, 2, 'one hash a name')
    const [elsewhere] = await tries({ privacy: { joinKeys } }, { username: 'hunter2' })
    t.ok([again, other, known].includes(elsewhere), 'the same in another process with the key')
    const [own] = await tries({}, { username: 'hunter2' })
    t.match(own, /^hmac-sha256:process:[0-9a-f]{64}$/)
    const [foreign] = await tries({}, { username: 'hunter2' })
    t.not(own, foreign, 'without a key only the process itself can compare')
    t.notMatch(JSON.stringify(await rowsOf(db)), /hunter|customer1/)
    t.match(
      (await openTrailRows(db, await rowsOf(db))).filter(({ subject }) => subject === 'user-1'),
      [{ name_tried: 'customer1', reason: 'login-rejected' }]
    )
  }
)

t.test('logins with different names are told apart, and the many names of a guesser are capped', async t => {
  const { app: db } = await auditDatabase(t)
  const { app, endInterval } = await counting(t, { db, refusals: { intervalMs: INTERVAL_MS, maxKeys: 10 } })
  for (let i = 0; i < 40; i++) await app.inject({ method: 'POST', url: '/login', payload: { username: `guess-${i}` } })
  await endInterval()
  const rows = await rowsOf(db)
  t.equal(rows.length, 11)
  t.equal(sumOf(rows), 40)
})

t.test('an effect of nobody is counted too: anybody can log out without a session for ever', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.post(
      '/logout',
      { config: { access: 'public', audit: { action: 'session.logout' } } },
      async (request, reply) => {
        request.securityEvents.push({ stage: 'session', outcome: 'success', reason: 'logout' })
        return reply.code(204).send()
      }
    )
  })
  for (let i = 0; i < 10; i++) t.equal((await app.inject({ method: 'POST', url: '/logout' })).statusCode, 204)
  await app.sealAudit()
  t.match(await rowsOf(db), [{ action: 'session.logout', outcome: 'success', repeats: 1 }, { repeats: 9 }])
})

t.test('a refusal of what is no route is request.refused, also where no hook sees it', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.addHook('onRequest', async (request, reply) => {
      if (request.headers['x-test-refuse'] === undefined) return
      request.securityEvents.push({ stage: 'hygiene', outcome: 'denied', reason: 'path-not-canonical' })
      return reply.code(400).send({})
    })
    app.get('/unseen', { config: { access: 'public', audit: 'none' } }, async (request, reply) => {
      app.countRefusal(request, 'path-not-canonical', 400)
      return reply.code(400).send({})
    })
  })
  await app.inject({ url: '//x', headers: { 'x-test-refuse': '1' } })
  await app.inject({ url: '/unseen' })
  await app.sealAudit()
  t.match(await rowsOf(db), [
    {
      action: 'request.refused',
      outcome: 'denied',
      reason: 'path-not-canonical',
      repeats: 1,
      detail: { status: 400, method: 'GET', route: '' }
    },
    { action: 'request.refused', repeats: 1 }
  ])
})

t.test("the end user's address and the hop's are told apart", async t => {
  const { app: db } = await auditDatabase(t)
  const read = (app: FastifyInstance): void => {
    app.get('/read', { config: { access: 'public', audit: { action: 'order.read' } } }, async () => ({}))
  }
  const own = await buildApp(t, { db }, read)
  await own.inject({ url: '/read', remoteAddress: '192.0.2.9' })
  const told = await buildApp(
    t,
    {
      db,
      addresses: request => ({
        source: String(request.headers['x-forwarded-for']),
        peer: request.raw.socket.remoteAddress
      })
    },
    read
  )
  await told.inject({ url: '/read', remoteAddress: '192.0.2.9', headers: { 'x-forwarded-for': '203.0.113.5' } })
  t.match(await openTrailRows(db, await rowsOf(db)), [
    { source_address: '192.0.2.9', peer_address: null },
    { source_address: '203.0.113.5', peer_address: '192.0.2.9' }
  ])
})
