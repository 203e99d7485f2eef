import { randomBytes, randomUUID } from 'node:crypto'
import {
  createJoinHash,
  expireDayKeys,
  readAudit,
  readPersonal,
  readPersonalAudit,
  rewrapPersonKeys,
  sealNow,
  verifyChain,
  type AuditLogOptions,
  type JoinKey,
  type PersonalRow,
  type SealedRecord
} from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'
import { JOIN_KEYS, PRIVACY, WRAPPING_KEYS } from './support/privacy-keys.ts'

const AGENT = 'Canary Browser/1'
const ADDRESS = '198.51.100.77'

/** An app whose `POST /things` records what its body says in a transaction, and `GET /things` as a declared read. */
async function thingsApp(
  t: Test,
  db: Knex,
  options: Partial<AuditLogOptions> = {}
): Promise<{ app: FastifyInstance; act: (event: Partial<AuditEvent>, subject?: string) => Promise<number> }> {
  const audit = { action: 'thing.change' } as const
  const app = await buildApp(t, { db, privacy: PRIVACY, ...options }, app => {
    app.post<{ Body: Partial<AuditEvent> }>('/things', { config: { access: 'public', audit } }, async request => {
      await db.transaction(async trx => {
        await request.audit(trx, { action: 'thing.change', outcome: 'success', ...request.body })
      })
      return {}
    })
    app.get('/things', { config: { access: 'public', audit: { action: 'thing.read' } } }, async () => ({}))
  })
  const act = async (event: Partial<AuditEvent>, subject?: string): Promise<number> => {
    const headers = { 'user-agent': AGENT, ...(subject !== undefined && { 'x-test-subject': subject }) }
    const call = { url: '/things', headers, remoteAddress: ADDRESS }
    return (await app.inject({ method: 'POST', ...call, payload: event })).statusCode
  }
  return { app, act }
}

/** Every sealed row, opened. */
async function opened({ app: db }: AuditDatabase, keys = WRAPPING_KEYS): Promise<PersonalRow<SealedRecord>[]> {
  await sealNow(db)
  return await readPersonal(db, (await readAudit(db, { order: 'oldest', limit: 500 })).events, { keys })
}

async function found(db: Knex, query: { name?: string; sourceAddress?: string }, ring: readonly JoinKey[] = JOIN_KEYS) {
  await sealNow(db)
  const search = { keys: WRAPPING_KEYS, joinHash: createJoinHash(ring) }
  return (await readPersonalAudit(db, { order: 'oldest', limit: 100, ...query }, search)).events
}

t.test('addresses, programs and names of accounts stand in no column; with the keys they are read', async t => {
  const database = await auditDatabase(t)
  const { app, act } = await thingsApp(t, database.app)
  await act(
    { detail: { before: { email: 'ada@example.com' }, after: { email: 'ada@example.org', state: 'OPEN' } } },
    'user-1'
  )
  await app.inject({ url: '/things', headers: { 'user-agent': AGENT }, remoteAddress: ADDRESS })
  await app.auditSink.write({ action: 'x', outcome: 'denied', subject: 'user-1', nameTried: ' Ada Lovelace' })
  const rows = await rowsOf(database.app)
  t.notMatch(JSON.stringify(rows), /Canary|198\.51|example\.(com|org)|lovelace/i)
  t.match(rows[0], {
    subject: 'user-1',
    detail: { before: { email: '[sealed]' }, after: { email: '[sealed]', state: 'OPEN' } }
  })
  const [change, read, login] = await opened(database)
  t.strictSame(change?.personal, {
    sourceAddress: ADDRESS,
    userAgent: AGENT,
    detail: { '/before/email': 'ada@example.com', '/after/email': 'ada@example.org' }
  })
  t.match(read, { subject: null, personal: { sourceAddress: ADDRESS, userAgent: AGENT }, erased: false })
  t.match(login?.personal, { nameTried: ' Ada Lovelace' })
  t.match(await verifyChain(database.app), { ok: true, sealedRows: 3 })
})

t.test('the sealed part of a row opens in no other row, and is in the reach of the chain', async t => {
  const database = await auditDatabase(t)
  const { act } = await thingsApp(t, database.app)
  await act({}, 'user-1')
  await act({ detail: { phone: '555' } }, 'user-1')
  const [first, second] = await opened(database)
  await database.superuser('audit_events').where({ id: first?.id }).update({ sealed: second?.sealed })
  t.equal((await opened(database))[0]?.personal, null)
  t.match(await verifyChain(database.app), { ok: false, problem: 'content-changed', firstBadSequence: 1 })
})

t.test('fields are kept, joined, sealed or redacted as they are declared, at any depth', async t => {
  const database = await auditDatabase(t)
  const fields = {
    voucher: 'joinable',
    iban: 'personal',
    pin: 'secret',
    username: 'public',
    profile: 'personal'
  } as const
  const { act } = await thingsApp(t, database.app, { privacy: { ...PRIVACY, fields } })
  const detail = {
    list: [{ voucher: 'V-1', IBAN: 'DE00', pin: 'canary-pin', username: 'kept' }],
    voucher: 'V-1',
    other: { voucher: 'V-2' },
    profile: { email: 'in the sealed whole', password: 'canary-password', list: [1] },
    none: { iban: null }
  }
  await act({ detail }, 'user-1')
  const [row] = await opened(database)
  const shown = row?.detail as Record<string, unknown>
  t.match(shown, { profile: '[sealed]', none: { iban: null } })
  t.match(shown.list, [
    { IBAN: '[sealed]', pin: '[redacted]', username: 'kept', voucher: /^hmac-sha256:j1:[0-9a-f]{64}$/ }
  ])
  t.equal(shown.voucher, (shown.list as { voucher: string }[])[0]?.voucher)
  t.not(shown.voucher, (shown.other as { voucher: string }).voucher)
  t.strictSame(row?.personal?.detail, {
    '/list/0/IBAN': 'DE00',
    '/profile': { email: 'in the sealed whole', password: '[redacted]', list: [1] }
  })
})

t.test('personal values are bounded as a whole, with a mark', async t => {
  const database = await auditDatabase(t)
  const { act } = await thingsApp(t, database.app)
  await act({ detail: { email: Array.from({ length: 90 }, () => 'y'.repeat(4000)) } }, 'user-1')
  t.match((await opened(database))[0]?.personal?.detail, { '': { truncated: true, bytes: Number } })
})

t.test('rows are found by name and address under every key of the ring, and under no other', async t => {
  const database = await auditDatabase(t)
  const { app: db } = database
  const newer = [{ id: 'j2', key: randomBytes(32) }, ...JOIN_KEYS]
  for (const joinKeys of [JOIN_KEYS, newer]) {
    const { app, act } = await thingsApp(t, db, { privacy: { ...PRIVACY, joinKeys } })
    await act({}, 'user-1')
    await act({})
    await app.auditSink.write({ action: 'login', outcome: 'denied', subject: 'user-2', nameTried: 'Ada' })
    await app.auditSink.write({ action: 'login', outcome: 'denied', nameTried: 'Nobody' })
  }
  const subjects = async (...query: Parameters<typeof found>) => (await found(...query)).map(row => row.subject)
  t.same(await subjects(db, { sourceAddress: ADDRESS }, newer), ['user-1', null, 'user-1', null])
  t.same(await subjects(db, { sourceAddress: '198.51.100.78' }, newer), [])
  t.same(await subjects(db, { name: ' ADA' }, newer), ['user-2', 'user-2'], 'all spellings of a name are one')
  t.same(await subjects(db, { name: 'nobody' }, newer), [null, null], 'also a name that is no account')
  t.same(await subjects(db, { name: 'nobody' }, JOIN_KEYS), [null], 'an older ring finds what it hashed')
  t.same(await subjects(db, { name: 'Ada' }, [{ id: 'j1', key: randomBytes(32) }]), [])
  t.notMatch(JSON.stringify(await db('audit_lookups')), /198\.51|"ada|nobody/i)
  const tags = new Set((await rowsOf(db)).map(row => row.source_tag).filter(Boolean))
  t.equal(tags.size, 2, 'a tag outlives the rotation, and is that of one person only')
})

t.test('a row before version 3 shows its address and name to those alone who may read them', async t => {
  const { app: db } = await auditDatabase(t)
  const route = { path: '/audit', access: 'authenticated', personalAccess: 'authenticated' } as const
  const { app } = await thingsApp(t, db, { route, sealer: { intervalMs: 3_600_000 } })
  await db('audit_events').insert({
    id: randomUUID(),
    occurred_at: '2026-01-01T00:00:00Z',
    process: 'old',
    action: 'session.login',
    outcome: 'denied',
    version: 2,
    source_address: ADDRESS,
    peer_address: '192.0.2.1',
    name_tried: 'ada',
    detail: JSON.stringify({ sourceAddress: ADDRESS, state: 'OPEN' }),
    content_hash: Buffer.alloc(32)
  })
  const own = await app.inject('/audit?action=session.login')
  t.equal(own.json().events.length, 1)
  t.notMatch(own.body, /198\.51|192\.0\.2|"ada"/)
  for (const filter of [`sourceAddress=${ADDRESS}`, 'name=ADA', 'name=ada']) {
    const { events } = (await app.inject(`/audit/personal?action=session.login&${filter}`)).json()
    const personal = { sourceAddress: ADDRESS, peerAddress: '192.0.2.1', nameTried: 'ada' }
    t.match(events, filter === 'name=ADA' ? [] : [{ personal, erased: false }], filter)
  }
})

t.test('personal values have a route of their own, whose reading is recorded with what was asked for', async t => {
  const database = await auditDatabase(t)
  const { app: db } = database
  const route = { path: '/audit', access: 'authenticated', personalAccess: 'authenticated' } as const
  const { app, act } = await thingsApp(t, db, { route, sealer: { intervalMs: 3_600_000 } })
  await act({}, 'user-1')
  t.notMatch((await app.inject('/audit')).body, /198\.51|Canary/)
  t.equal((await app.inject(`/audit?sourceAddress=${ADDRESS}`)).statusCode, 400)
  const headers = { 'x-test-subject': 'auditor-1' }
  const { events } = (await app.inject({ url: `/audit/personal?sourceAddress=${ADDRESS}`, headers })).json()
  t.match(events, [{ subject: 'user-1', personal: { sourceAddress: ADDRESS, userAgent: AGENT } }])
  const [read] = (await opened(database)).filter(({ action }) => action === 'audit.read-personal')
  const asked = { addressHash: /^hmac-sha256:/, order: 'newest', limit: 100 }
  t.match(read, { subject: 'auditor-1', outcome: 'success', detail: { asked } })
  t.notMatch(JSON.stringify(read), ADDRESS, 'a row of the reader outlives the erasure of the person')
  await app.inject({ url: '/audit/personal?name=ada&subject=user-1&until=2001-01-01T00:00:00Z', headers })
  const [named] = (await opened(database)).filter(({ action }) => action === 'audit.read-personal').slice(1)
  const hashed = { nameHash: /^hmac-sha256:/, subject: 'user-1', until: '2001-01-01T00:00:00.000Z' }
  t.match(named, { detail: { asked: hashed } })
  t.notMatch(JSON.stringify(named), '"ada"')
  for (const query of ['sourceAddress=', 'name=a&name=b', 'name=%00', 'agent=x']) {
    t.equal((await app.inject(`/audit/personal?${query}`)).statusCode, 400, query)
  }
  const closed = await thingsApp(t, db, { route: { path: '/audit', access: 'authenticated' } })
  t.equal((await closed.app.inject('/audit/personal')).statusCode, 404, 'nobody may where no policy says who')
})

t.test('a key that is known costs no statement, in a transaction or outside', async t => {
  const { app: db } = await auditDatabase(t)
  const { app, act } = await thingsApp(t, db)
  const read = async () =>
    await app.inject({
      url: '/things',
      headers: { 'x-test-subject': 'user-1', 'user-agent': AGENT },
      remoteAddress: ADDRESS
    })
  await read()
  const statements: string[] = []
  db.on('query', ({ sql }: { sql: string }) => statements.push(sql))
  await read()
  t.equal(await act({}, 'user-1'), 200)
  t.notMatch(statements.join('\n'), /audit_person_keys|audit_lookups/)
  // Two at the first use in a transaction, and two to see that they were committed.
  for (const keyStatements of [3, 2, 0]) {
    statements.length = 0
    t.equal(await act({}, 'user-2'), 200)
    t.equal(statements.filter(sql => /audit_person_keys|audit_lookups/.test(sql)).length, keyStatements)
  }
  t.equal((await db('audit_person_keys').where({ subject: 'user-2' })).length, 1)
})

t.test('a key that was rolled back seals nothing', async t => {
  const database = await auditDatabase(t)
  const { app: db } = database
  const { app, act } = await thingsApp(t, db)
  const event = { action: 'thing.change', outcome: 'success', subject: 'user-1', detail: { phone: '555' } } as const
  await t.rejects(
    db.transaction(async trx => {
      await app.auditWithin(trx, event)
      await app.auditWithin(trx, event)
      throw new Error('rolled back')
    }),
    /rolled back/
  )
  t.same(await db('audit_person_keys'), [])
  await app.auditSink.write(event)
  await act({}, 'user-1')
  t.match(await opened(database), [
    { personal: { detail: { '/phone': '555' } } },
    { personal: { sourceAddress: ADDRESS } }
  ])
})

t.test('processes share the key of a person, and two at once make two that both are read', async t => {
  const database = await auditDatabase(t)
  const apps = await Promise.all([1, 2, 3].map(async () => await thingsApp(t, database.app)))
  for (const round of [1, 2]) {
    t.same(
      await Promise.all(apps.map(async ({ act }) => await act({ detail: { phone: round } }, 'user-1'))),
      [200, 200, 200]
    )
  }
  t.same(
    (await opened(database)).map(row => row.personal?.sourceAddress),
    Array(6).fill(ADDRESS)
  )
})

t.test('keys are wrapped by the newest key of a ring; older ones open until everything is wrapped again', async t => {
  const database = await auditDatabase(t)
  const { app: db, pruner } = database
  const newer = [{ id: 'w2', key: randomBytes(32) }, ...WRAPPING_KEYS]
  await (await thingsApp(t, db)).act({}, 'user-1')
  const [stored] = await db('audit_person_keys')
  t.match(stored, { wrapped_by: 'w1' })
  await (await thingsApp(t, db, { privacy: { ...PRIVACY, keys: newer } })).act({}, 'user-1')
  await (await thingsApp(t, db, { privacy: { ...PRIVACY, keys: newer } })).act({}, 'user-2')
  t.same(
    (await opened(database, newer)).map(row => row.personal?.sourceAddress),
    [ADDRESS, ADDRESS, ADDRESS]
  )
  await t.rejects(opened(database), /no key opens a key that w2 wraps/)
  const bare = await thingsApp(t, db, { privacy: {} })
  t.equal(await bare.act({}, 'user-1'), 503, 'without the ring nothing is sealed beside it')

  t.same(await rewrapPersonKeys(pruner, newer.slice(0, 1)), { rewrapped: 0, unopened: 1 })
  t.same(await rewrapPersonKeys(pruner, newer), { rewrapped: 1, unopened: 0 })
  t.same(await rewrapPersonKeys(pruner, newer), { rewrapped: 0, unopened: 0 })
  t.equal((await opened(database, newer.slice(0, 1))).length, 3, 'the older key can go')
  await t.rejects(
    db('audit_person_keys').update({ wrapped_by: 'w1' }),
    { code: '42501' },
    'the app role wraps nothing again'
  )
  await database
    .superuser('audit_person_keys')
    .where({ subject: 'user-2' })
    .update({ wrapped: stored.wrapped, wrapped_by: 'w1' })
  await t.rejects(opened(database, newer), /no key opens/, 'a key opens in its own row only')
})

t.test('without a ring keys stand in their table, and erasing works all the same', async t => {
  const database = await auditDatabase(t)
  await (await thingsApp(t, database.app, { privacy: {} })).act({}, 'user-1')
  t.match(await database.app('audit_person_keys'), [{ wrapped_by: null }])
  t.match(await opened(database, []), [{ personal: { sourceAddress: ADDRESS } }])
  t.same(await rewrapPersonKeys(database.pruner, WRAPPING_KEYS), { rewrapped: 1, unopened: 0 })
  t.match(await opened(database), [{ personal: { sourceAddress: ADDRESS } }])
})

t.test('rows without a subject are under the key of their day, which goes when its time is over', async t => {
  const database = await auditDatabase(t)
  const { app: db } = database
  const now = { ms: Date.parse('2026-01-01T23:59:59.999Z') }
  const { app, act } = await thingsApp(t, db, { clock: () => now.ms })
  await act({})
  now.ms += 1
  await act({})
  await act({}, 'user-1')
  now.ms = Date.now()
  await act({})
  const days = (await db('audit_person_keys').whereNotNull('day').orderBy('day')).map(({ expires_at: at }) =>
    at.toISOString()
  )
  t.same(days.slice(0, 2), ['2026-04-02T00:00:00.000Z', '2026-04-03T00:00:00.000Z'], '90 days after the end of the day')
  t.equal(await expireDayKeys(db, 5000), 2)
  t.same((await opened(database)).map(row => [row.subject, row.erased]).slice(0, 4), [
    [null, true],
    [null, true],
    ['user-1', false],
    [null, false]
  ])
  t.match(await verifyChain(db), { ok: true })
  t.equal(await db('audit_person_keys').delete(), 0, 'the app role destroys no other key')
  t.ok((await database.pruner('audit_person_keys').delete()) >= 2, 'those who erase do')
  await app.close()
})
