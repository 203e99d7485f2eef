// A person is a subject at an issuer: two issuers may give the same subject to two persons.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import auditLog, {
  auditMigrations,
  erasePerson,
  placeHold,
  pruneAudit,
  readAudit,
  readPersonal,
  readPersonalAudit,
  createJoinHash,
  reapplyErasures,
  runAuditCommand,
  sealNow,
  verifyChain,
  type AuditLogOptions
} from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { keepErasure, readKeptErasures } from '../../../plugins/audit-log/src/privacy/erasure-file.ts'
import { auditDatabase, buildApp, deadPool, ROLES, rowsOf, type AuditDatabase } from './support/audited-app.ts'
import { JOIN_KEYS, PRIVACY, ringText, WRAPPING_KEYS } from './support/privacy-keys.ts'
import { spillFolder } from './support/spill-folder.ts'

/** As the principals of these tests have it. */
const OWN = 'https://localhost:8081'
const PARTNER = 'https://partner.example'
const SUBJECT = 'user-7'
const ERASING = { subject: SUBJECT, ownIssuer: OWN, ground: 'asked', operator: 'test' } as const
const HOLDING = { process: 'legal', timeoutMs: 5000, ownIssuer: OWN }

interface TwoPersons extends AuditDatabase {
  readonly fastify: FastifyInstance
  /** The list of erasures. */
  readonly file: string
}

const seen = (issuer: string | undefined, phone: string): AuditEvent => ({
  ...{ action: 'seen', subject: SUBJECT, detail: { phone } },
  outcome: 'success',
  ...(issuer !== undefined && { issuer })
})

/** Three rows: of a person of the own issuer with and without it, and of one of the partner's with the same subject. */
async function twoPersons(t: Test, options: Partial<AuditLogOptions> = { ownIssuer: OWN }): Promise<TwoPersons> {
  const database = await auditDatabase(t)
  const fastify = await buildApp(t, { db: database.app, privacy: PRIVACY, ...options }, () => {})
  for (const [issuer, phone] of [
    [OWN, '1'],
    [undefined, '2'],
    [PARTNER, '3']
  ] as const) {
    await fastify.auditSink.write(seen(issuer, phone))
  }
  await sealNow(database.app)
  return { ...database, fastify, file: join(spillFolder(t), 'erasures.ndjson') }
}

/** The phone numbers that somebody who may read them sees, of the rows of this test. */
async function phones({ app: db }: Pick<AuditDatabase, 'app'>): Promise<unknown[]> {
  const { events } = await readAudit(db, { order: 'oldest', limit: 500, action: 'seen' })
  return (await readPersonal(db, events, { keys: WRAPPING_KEYS })).map(row => row.personal?.detail?.['/phone'] ?? null)
}

async function command(url: string, args: readonly string[]) {
  const [out, error]: [string[], string[]] = [[], []]
  const environment = {
    DATABASE_URL: url,
    SALLYPORT_ISSUER: OWN,
    SALLYPORT_AUDIT_PERSON_KEYS: ringText(WRAPPING_KEYS),
    SALLYPORT_AUDIT_NAME_KEY: ringText(JOIN_KEYS)
  }
  const sinks = { out: (text: string) => out.push(text), error: (text: string) => error.push(text) }
  const code = await runAuditCommand({ args, environment, call: 'sallyport-audit', ...sinks })
  return { code, out: out.join(''), error: error.join('') }
}

t.test('who is erased at one issuer stays readable at the other', async t => {
  const trail = await twoPersons(t)
  const { app: db, pruner, prunerUrl, file } = trail
  t.same(await phones(trail), ['1', '2', '3'])
  t.match(await erasePerson(pruner, { ...ERASING, issuer: PARTNER, file }), { keys: 1, sharedRows: 0 })
  t.same(await phones(trail), ['1', '2', null])
  const args = ['erase', SUBJECT, '--reason', 'asked', '--erasures', file, '--yes', '--json']
  const own = await command(prunerUrl, args)
  t.match([own.code, JSON.parse(own.out)], [0, { keys: 1, otherIssuers: [] }])
  t.same(await phones(trail), [null, null, null])
  t.match(await verifyChain(db), { ok: true })
  t.match(
    (await rowsOf(db)).filter(({ action }) => action === 'audit.erase').map(({ detail }) => detail.issuer),
    [PARTNER, undefined]
  )
})

t.test('the own issuer is erased with and without its name, and others with the subject are named', async t => {
  const trail = await twoPersons(t)
  const args = ['erase', SUBJECT, '--issuer', OWN, '--reason', 'asked', '--erasures', trail.file, '--yes']
  const { code, out } = await command(trail.prunerUrl, args)
  t.match([code, out], [0, `${SUBJECT} is erased: 1 keys destroyed\n${SUBJECT} at ${PARTNER} is another person`])
  t.same(await phones(trail), [null, null, '3'])
  const partner = ['erase', SUBJECT, '--issuer', PARTNER, '--reason', 'asked', '--erasures', trail.file, '--yes']
  t.match(await command(trail.prunerUrl, partner), { code: 0 })
})

t.test('a command that is not told the own issuer takes no issuer', async t => {
  const { appUrl, prunerUrl, pruner, file } = await twoPersons(t)
  const environment = { DATABASE_URL: prunerUrl }
  for (const args of [
    ['erase', SUBJECT, '--issuer', PARTNER, '--reason', 'asked', '--erasures', file, '--yes'],
    ['hold', '--name', 'x', '--issuer', PARTNER],
    ['search', '--issuer', PARTNER],
    ['tail', '--issuer', PARTNER]
  ]) {
    const error: string[] = []
    const sinks = { out: () => {}, error: (text: string) => error.push(text) }
    const given = { ...environment, ...(args[0] !== 'erase' && { DATABASE_URL: appUrl }) }
    t.equal(await runAuditCommand({ args, environment: given, call: 'sallyport-audit', ...sinks }), 2, args.join(' '))
    t.match(error.join(''), /SALLYPORT_ISSUER is missing/)
  }
  const { ownIssuer: _own, ...request } = ERASING
  await t.rejects(erasePerson(pruner, { ...request, issuer: PARTNER, file }), /has to be known/)
})

t.test('a search by issuer finds its persons; those without an issuer are of the own one', async t => {
  const { app: db, appUrl } = await twoPersons(t)
  const found = async (issuer: string): Promise<number[]> => {
    const { out } = await command(appUrl, [
      'search',
      '--subject',
      SUBJECT,
      '--issuer',
      issuer,
      '--json',
      '--order',
      'oldest'
    ])
    return out
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { sequence: number }).sequence)
  }
  t.same(await found(OWN), [1, 2])
  t.same(await found(PARTNER), [3])
  const query = { order: 'oldest', limit: 9, issuer: OWN } as const
  t.equal(
    (await readAudit(db, query)).events.length,
    1,
    'a reader that does not know the own issuer takes rows at their word'
  )
  const search = { joinHash: createJoinHash(JOIN_KEYS), keys: WRAPPING_KEYS, ownIssuer: OWN }
  t.equal((await readPersonalAudit(db, query, search)).events.length, 2, 'rows without a person are of no issuer')
})

t.test('the route takes the issuer, and so does whoever follows', async t => {
  const { app: db } = await auditDatabase(t)
  const route = { path: '/audit', access: 'authenticated', personalAccess: 'authenticated' } as const
  const app = await buildApp(t, { db, sealer: {}, route, ownIssuer: OWN, privacy: PRIVACY }, () => {})
  for (const issuer of [OWN, undefined, PARTNER]) await app.auditSink.write(seen(issuer, '1'))
  const headers = { 'x-test-subject': 'auditor' }
  for (const path of ['/audit', '/audit/personal']) {
    const sequences = async (issuer: string): Promise<number[]> => {
      const url = `${path}?subject=${SUBJECT}&issuer=${encodeURIComponent(issuer)}&order=oldest`
      const { events } = (await app.inject({ url, headers })).json<{ events: { sequence: number }[] }>()
      return events.map(({ sequence }) => sequence)
    }
    t.same(await sequences(OWN), [1, 2], path)
    t.same(await sequences(PARTNER), [3], path)
  }
  const leaving = new AbortController()
  const rows: number[] = []
  for await (const step of app.followAuditTrail(
    { order: 'oldest', limit: 9, after: 0, subject: SUBJECT, issuer: OWN },
    leaving.signal
  )) {
    if (step.kind === 'row') rows.push(step.row.sequence)
    if (step.kind === 'quiet') leaving.abort()
  }
  t.same(rows, [1, 2])
})

t.test('a hold over a person of one issuer keeps neither rows nor keys of the other', async t => {
  for (const [issuer, kept, other] of [
    [PARTNER, ['3'], OWN],
    [OWN, ['1', '2'], PARTNER]
  ] as const) {
    const trail = await twoPersons(t)
    const { app: db, pruner, file } = trail
    await placeHold(db, { name: 'matter', filter: { subject: SUBJECT, issuer } }, HOLDING)
    await t.rejects(erasePerson(pruner, { ...ERASING, issuer, file }), /under a legal hold: matter/)
    await sealNow(db)
    const { removed } = await pruneAudit(pruner, { before: new Date('2999-01-01T00:00:00Z') })
    t.equal(removed, 3 - kept.length, 'the others, and not the row of the hold')
    t.same(await phones(trail), kept)
    t.match(await erasePerson(pruner, { ...ERASING, issuer: other, file }), { keys: 1 }, 'the other is erased')
    t.same(await phones(trail), kept)
  }
})

t.test(
  'a hold over a subject alone is over everybody who has it, and one over an issuer has to know the own',
  async t => {
    const { app: db, pruner, file } = await twoPersons(t)
    const { ownIssuer: _own, ...context } = HOLDING
    await t.rejects(placeHold(db, { name: 'x', filter: { issuer: PARTNER } }, context), /which one is the own/)
    await placeHold(db, { name: 'all', filter: { subject: SUBJECT } }, context)
    for (const issuer of [OWN, PARTNER]) {
      await t.rejects(erasePerson(pruner, { ...ERASING, issuer, file }), /under a legal hold: all/)
    }
  }
)

t.test('what is said of somebody else is sealed under the key of that person of that issuer', async t => {
  const trail = await twoPersons(t)
  const { app: db, pruner, fastify, file } = trail
  const change = { action: 'seen', outcome: 'success', subject: SUBJECT, issuer: PARTNER } as const
  await fastify.auditSink.write({ ...change, person: SUBJECT, detail: { phone: 'of the own' } })
  await fastify.auditSink.write({
    ...change,
    person: SUBJECT,
    issuerOfPerson: PARTNER,
    detail: { phone: 'of the partner' }
  })
  await sealNow(db)
  t.same((await phones(trail)).slice(3), ['of the own', 'of the partner'])
  await erasePerson(pruner, { ...ERASING, file })
  t.same((await phones(trail)).slice(2), ['3', null, 'of the partner'])
})

t.test('the list of erasures says whose they are, and older lines are of the own issuer', async t => {
  const trail = await twoPersons(t)
  const { superuser, pruner, file } = trail
  const [keys, lookups] = [await superuser('audit_person_keys'), await superuser('audit_lookups')]
  const restore = async (): Promise<void> => {
    for (const table of ['audit_erasures', 'audit_person_keys']) await superuser(table).delete()
    await superuser('audit_person_keys').insert(keys)
    if (lookups.length > 0) await superuser('audit_lookups').insert(lookups)
  }
  const options = { file, keys: WRAPPING_KEYS }
  await erasePerson(pruner, { ...ERASING, ...options, issuer: PARTNER })
  await restore()
  t.same(await phones(trail), ['1', '2', '3'])
  t.same(await reapplyErasures(pruner, options), { erasures: 1, keys: 1 })
  t.same(await phones(trail), ['1', '2', null])
  t.match(await superuser('audit_erasures'), [{ subject: null, issuer: PARTNER, issuer_subject: SUBJECT }])
  const [line = ''] = readFileSync(file, 'utf8').split('\n')
  t.match(
    JSON.parse(line),
    { form: 'sallyport-audit-erasure 2', issuer: PARTNER },
    'no earlier release takes it for its own'
  )

  const older = `${file}.older`
  await keepErasure(older, { subject: SUBJECT, issuer: null, keys: [], at: new Date().toISOString() }, WRAPPING_KEYS)
  t.strictSame(Object.keys(JSON.parse(readFileSync(older, 'utf8')) as object), ['form', 'subject', 'keys', 'at', 'mac'])
  t.same(
    (await readKeptErasures(older, WRAPPING_KEYS)).map(({ issuer }) => issuer),
    [null]
  )
  await restore()
  t.same(await reapplyErasures(pruner, { ...options, file: older }), { erasures: 1, keys: 1 })
  t.same(await phones(trail), [null, null, '3'])
})

t.test(
  'rows that an earlier release sealed under one key for both are counted, and go with the own person',
  async t => {
    const trail = await twoPersons(t, {})
    const { app: db, prunerUrl, file } = trail
    t.equal((await db('audit_person_keys')).length, 1, 'it told persons by the subject alone')
    const app = await buildApp(t, { db, privacy: PRIVACY, ownIssuer: OWN }, () => {})
    await app.auditSink.write(seen(PARTNER, '4'))
    await sealNow(db)
    const args = ['erase', SUBJECT, '--reason', 'asked', '--erasures', file, '--yes']
    const partner = await command(prunerUrl, [...args, '--issuer', PARTNER])
    t.match([partner.code, partner.out], [1, '1 rows of earlier releases are sealed under the key of user-7'])
    t.same(await phones(trail), ['1', '2', '3', null])
    t.match(await command(prunerUrl, args), { code: 0 })
    t.same(await phones(trail), [null, null, null, null])
  }
)

/** How the release before reads and writes keys. */
const EARLIER_LOOK =
  'select k.id from unnest(:subjects::text[]) as o (subject) join audit_person_keys k on k.subject = o.subject or k.day = null'
const EARLIER_INSERT = `insert into audit_person_keys (id, subject, day, wrapped_by, wrapped, expires_at)
  values (:id, :subject, null, null, :wrapped, null)`

t.test('a process of the release before takes no key of another issuer, and makes its own as before', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const app = await buildApp(t, { db, privacy: PRIVACY, ownIssuer: OWN }, () => {})
  await app.auditSink.write(seen(PARTNER, '3'))
  t.match((await db.raw(EARLIER_LOOK, { subjects: [SUBJECT] })).rows, { length: 0 })
  await db.raw(EARLIER_INSERT, { id: randomUUID(), subject: SUBJECT, wrapped: Buffer.alloc(32) })
  t.equal((await db.raw(EARLIER_LOOK, { subjects: [SUBJECT] })).rows.length, 1)
  const key = { id: randomUUID(), wrapped: Buffer.alloc(32) }
  for (const wrong of [
    {},
    { issuer: PARTNER },
    { subject: 'a', issuer: PARTNER, issuer_subject: 'a' },
    { issuer_subject: 'a' }
  ]) {
    await t.rejects(
      superuser('audit_person_keys').insert({ ...key, ...wrong }),
      { code: '23514' },
      'a key has one owner'
    )
  }
  const { source, tableName } = auditMigrations(ROLES)
  const config = { migrationSource: source, tableName, name: '0014-audit-persons-of-issuers' }
  const down = async (): Promise<unknown> => await superuser.migrate.down(config)
  await t.rejects(down(), /keys or erasures of persons of other issuers/)
  await superuser('audit_person_keys').delete()
  await placeHold(db, { name: 'x', filter: { issuer: OWN } }, HOLDING)
  await t.rejects(down(), /legal holds over an issuer/)
})

t.test('an app that takes tokens of several issuers says which one is its own, or does not start', async t => {
  const start = async (trusted: readonly string[], options: Partial<AuditLogOptions>): Promise<void> => {
    const app = Fastify()
    t.after(() => app.close())
    app.decorateRequest('principal', null)
    app.decorate('trustedIssuers', trusted)
    await app.register(auditLog, { db: deadPool(t), process: 'test', sealer: false, ...options })
    await app.ready()
  }
  const refusal = { code: 'SALLYPORT_AUDIT_OPTIONS_INVALID', message: /ownIssuer is missing/ }
  await t.rejects(start([OWN, PARTNER], {}), refusal)
  await start([OWN, PARTNER], { ownIssuer: OWN })
  await start([OWN], {})
})
