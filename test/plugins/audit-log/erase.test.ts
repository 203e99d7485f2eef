import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createJoinHash,
  erasePerson,
  placeHold,
  readAudit,
  readPersonal,
  readPersonalAudit,
  reapplyErasures,
  releaseHold,
  runAuditCommand,
  sealNow,
  verifyChain,
  type AuditCommandCall,
  type PersonalRow,
  type SealedRecord
} from '@sallyport/audit-log'
import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { buildRecord } from '../../../plugins/audit-log/src/build-record.ts'
import { fieldClasses } from '../../../plugins/audit-log/src/privacy/field-class.ts'
import { statementsOf } from '../../../plugins/audit-log/src/privacy/key-rows.ts'
import { createPersonalSealer } from '../../../plugins/audit-log/src/privacy/seal-personal.ts'
import { databaseStore } from '../../../plugins/audit-log/src/store.ts'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'
import { JOIN_KEYS, PRIVACY, ringText, WRAPPING_KEYS } from './support/privacy-keys.ts'
import { spillFolder } from './support/spill-folder.ts'

interface Erasable extends AuditDatabase {
  readonly fastify: FastifyInstance
  /** The list of erasures. */
  readonly file: string
}

const login = (subject: string) =>
  ({ action: 'login', outcome: 'denied', subject, nameTried: `name of ${subject}`, detail: { phone: '555' } }) as const

/** A trail with one row of each of two persons, and one of a stranger. */
async function erasable(t: Test): Promise<Erasable> {
  const database = await auditDatabase(t)
  const fastify = await buildApp(t, { db: database.app, privacy: PRIVACY }, () => {})
  for (const subject of ['user-1', 'user-2']) await fastify.auditSink.write(login(subject))
  await fastify.auditSink.write({ action: 'stray', outcome: 'denied', detail: { phone: '777' } })
  await sealNow(database.app)
  return { ...database, fastify, file: join(spillFolder(t), 'erasures.ndjson') }
}

async function opened({ app: db }: Pick<AuditDatabase, 'app'>): Promise<PersonalRow<SealedRecord>[]> {
  await sealNow(db)
  const { events } = await readAudit(db, { order: 'oldest', limit: 500 })
  return (await readPersonal(db, events, { keys: WRAPPING_KEYS })).filter(row => !row.action.startsWith('audit.'))
}

const whose = (rows: readonly PersonalRow<SealedRecord>[]) =>
  rows.map(row => [row.subject, row.personal !== null, row.erased])
const ALL_READABLE = [
  ['user-1', true, false],
  ['user-2', true, false],
  [null, true, false]
]
const FIRST_ERASED = [['user-1', false, true], ...ALL_READABLE.slice(1)]

interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

async function run(url: string, args: readonly string[], more: Partial<AuditCommandCall> = {}): Promise<Ran> {
  const [out, error]: [string[], string[]] = [[], []]
  const environment = {
    DATABASE_URL: url,
    SALLYPORT_AUDIT_PERSON_KEYS: ringText(WRAPPING_KEYS),
    SALLYPORT_AUDIT_NAME_KEY: ringText(JOIN_KEYS)
  }
  const sinks = { out: (text: string) => out.push(text), error: (text: string) => error.push(text) }
  const code = await runAuditCommand({ args, environment, call: 'sallyport-audit', ...sinks, ...more })
  return { code, out: out.join(''), error: error.join('') }
}

t.test('erase makes one person unreadable, says so in the trail, and can be repeated', async t => {
  const trail = await erasable(t)
  const { appUrl, prunerUrl, app: db, file } = trail
  const before = await readPersonalAudit(
    db,
    { order: 'oldest', limit: 9, name: 'name of user-1' },
    { joinHash: createJoinHash(JOIN_KEYS), keys: WRAPPING_KEYS }
  )
  t.equal(before.events.length, 1)
  const args = ['erase', 'user-1', '--reason', 'asked on paper', '--erasures', file, '--yes']
  const shown: string[] = []
  const { code, out } = await run(prunerUrl, args, { showsProgress: true, error: text => shown.push(text) })
  t.match([code, out], [0, 'user-1 is erased: 1 keys destroyed\n'])
  t.match(shown.join(''), '1 keys found')
  t.same(whose(await opened(trail)), FIRST_ERASED)
  t.match(await verifyChain(db), { ok: true })
  t.match(
    (await rowsOf(db)).filter(row => row.action === 'audit.erase'),
    [
      {
        outcome: 'success',
        resource_type: 'person',
        resource_id: 'user-1',
        detail: { ground: 'asked on paper', keys: 1, operator: /./ }
      }
    ]
  )
  const name = await run(appUrl, ['search', '--personal', '--name', 'name of user-1', '--json'])
  t.match([name.code, name.out], [0, ''], 'nobody finds the name any more')
  const looks = (await rowsOf(db)).filter(({ action }) => action === 'audit.read-personal')
  t.match(looks.at(-1)?.detail, { asked: { nameHash: /^hmac-sha256:/ } })
  const { events } = await readAudit(db, { order: 'oldest', limit: 500 })
  const all = JSON.stringify(await readPersonal(db, events, { keys: WRAPPING_KEYS }))
  t.notMatch(all, 'name of user-1', 'nor does a row of who looks for it have it')
  t.match((await run(appUrl, ['search', '--personal', '--subject', 'user-1'])).out, '(erased)')

  const again = await run(prunerUrl, [...args, '--json'])
  t.equal(again.code, 0)
  t.strictSame(JSON.parse(again.out), {
    ...{ subject: 'user-1', keys: 0, alreadyErased: true, settled: true },
    ...{ clearRows: 0, sharedRows: 0, otherIssuers: [] }
  })
  t.equal((await rowsOf(db)).filter(row => row.action === 'audit.erase').length, 1)
  t.equal(readFileSync(file, 'utf8').trimEnd().split('\n').length, 1)
})

t.test('erase asks before it destroys, and does nothing without an answer, a reason or a list', async t => {
  const trail = await erasable(t)
  const { appUrl, prunerUrl, pruner, file } = trail
  const rest = ['--reason', 'asked', '--erasures', file]
  t.match(await run(prunerUrl, ['erase', 'user-1', ...rest]), { code: 2, error: /--yes is needed/ })
  t.match(await run(prunerUrl, ['erase', 'user-1', ...rest], { ask: async () => 'yes' }), {
    code: 1,
    error: /nothing was erased/
  })
  t.match(await run(prunerUrl, ['erase', ...rest, '--yes']), { code: 2, error: /who is to be erased/ })
  t.match(await run(prunerUrl, ['erase', 'user-1', 'user-2', ...rest, '--yes']), { code: 2 })
  t.match(await run(prunerUrl, ['erase', 'user-1', '--erasures', file, '--yes']), {
    code: 2,
    error: /--reason is missing/
  })
  t.match(await run(prunerUrl, ['erase', 'user-1', '--reason', 'x', '--yes']), {
    code: 2,
    error: /--erasures is missing/
  })
  t.match(await run(appUrl, ['erase', 'user-1', ...rest, '--yes']), { code: 1, error: /permission denied/ })
  mkdirSync(join(file, '..', 'folder'))
  const unwritable = { subject: 'user-1', ground: 'asked', operator: 'test', file: join(file, '..', 'folder') }
  await t.rejects(
    erasePerson(pruner, unwritable),
    { code: 'EISDIR' },
    'what a restore would bring back is not destroyed'
  )
  t.same(whose(await opened(trail)), ALL_READABLE)
  const question: string[] = []
  const asked = await run(prunerUrl, ['erase', 'user-1', ...rest], {
    ask: async text => {
      question.push(text)
      return 'user-1'
    }
  })
  t.equal(asked.code, 0)
  t.match(question[0], 'Type the subject')
  t.same(whose(await opened(trail)), FIRST_ERASED)
})

t.test('what an administrator changed of a person goes with that person, and his own address stays', async t => {
  const { app: db, pruner, fastify, file } = await erasable(t)
  await fastify.auditSink.write({
    action: 'user.change',
    outcome: 'success',
    subject: 'admin-1',
    nameTried: 'admin name',
    person: 'user-1',
    detail: { before: { email: 'old@example.com' }, after: { email: 'new@example.com' } }
  })
  const change = async () => (await opened({ app: db })).find(row => row.action === 'user.change')
  t.match((await change())?.personal, { nameTried: 'admin name', detail: { '/after/email': 'new@example.com' } })
  await erasePerson(pruner, { subject: 'user-1', ground: 'asked', operator: 'test', file })
  t.strictSame((await change())?.personal, { nameTried: 'admin name' })
  t.equal((await change())?.erased, true)
})

t.test('a process that has the key in memory brings nobody back, and goes on under a new key', async t => {
  const trail = await erasable(t)
  const { pruner, app: db, fastify, file } = trail
  await erasePerson(pruner, { subject: 'user-1', ground: 'asked', operator: 'test', file })
  await fastify.auditSink.write(login('user-1'))
  t.same(whose(await opened(trail)).slice(3), [['user-1', false, true]], 'as long as it is cached')
  await fastify.auditSink.write({ ...login('user-1'), nameTried: 'another name' })
  t.match((await opened(trail)).at(-1), { personal: { nameTried: 'another name' }, erased: false })
  t.same(whose(await opened(trail)).slice(0, 3), FIRST_ERASED)
  t.equal((await db('audit_lookups')).length, 2, 'of user-2, and of the new name')
  const again = await erasePerson(pruner, { subject: 'user-1', ground: 'asked again', operator: 'test', file })
  t.match(again, { keys: 1, alreadyErased: false })
})

t.test('a key that an open transaction made is destroyed too, or the erasure says that it is not done', async t => {
  const trail = await erasable(t)
  const { app: db, pruner, fastify, file } = trail
  const request = { subject: 'user-3', ground: 'asked', operator: 'test', file }
  const open = await db.transaction()
  await fastify.auditWithin(open, login('user-3'))
  t.match(await erasePerson(pruner, { ...request, settleMs: 0 }), { keys: 0, settled: false })
  await fastify.auditWithin(open, login('user-4'))
  const erasing = erasePerson(pruner, { ...request, subject: 'user-4' })
  await open.commit()
  t.match(await erasing, { keys: 1, settled: true })
  t.match(await erasePerson(pruner, request), { keys: 1, settled: true })
  t.same(whose(await opened(trail)).slice(3), [
    ['user-3', false, true],
    ['user-4', false, true]
  ])
})

t.test('a row from before an erasure that is written later, after an outage, says nothing of the person', async t => {
  const trail = await erasable(t)
  const { app: db, pruner, file } = trail
  const rules = { classify: fieldClasses(), joinHash: createJoinHash(JOIN_KEYS) }
  const kept = buildRecord(login('user-1'), { ...rules, process: 'test', principal: null, now: new Date() })
  await erasePerson(pruner, { subject: 'user-1', ground: 'asked', operator: 'test', file })
  const sealer = createPersonalSealer({
    ring: WRAPPING_KEYS,
    joinHash: rules.joinHash,
    dayKeysKeptMs: 1,
    cacheMs: 1000,
    maxCachedKeys: 10,
    monotonicClock: () => performance.now()
  })
  await databaseStore(db, 5000, sealer).insertAgain?.([kept])
  t.match((await opened(trail)).at(-1), { subject: 'user-1', sealed: null, nameTag: null, personal: null })
  const [later] = await sealer.seal([{ ...kept, occurredAt: '2999-01-01T00:00:00.000000Z' }], statementsOf(db, 5000))
  t.type(later?.sealed, 'string', 'what comes after it is sealed under a new key')
})

/** The keys and what they are looked up by, as a backup has them; a restore brings them back. */
async function backupKeys(superuser: Knex): Promise<() => Promise<void>> {
  const [keys, lookups] = [await superuser('audit_person_keys'), await superuser('audit_lookups')]
  return async () => {
    await superuser('audit_erasures').delete()
    // Not sealed yet, so that the trail is as it was.
    await superuser('audit_events').where({ action: 'audit.erase' }).delete()
    await superuser('audit_person_keys').delete()
    await superuser('audit_person_keys').insert(keys)
    await superuser('audit_lookups').insert(lookups)
  }
}

t.test('after a restore the erasures since the backup are applied again, from the list outside', async t => {
  const trail = await erasable(t)
  const { app: db, pruner, superuser, file } = trail
  const restore = await backupKeys(superuser)
  const options = { file, keys: WRAPPING_KEYS }
  await erasePerson(pruner, { ...options, subject: 'user-1', ground: 'asked', operator: 'test' })
  await restore()
  t.same(whose(await opened(trail)), ALL_READABLE, 'the backup has the key')
  const again = await run(trail.prunerUrl, ['erase-again', '--erasures', file, '--json'])
  t.match([again.code, JSON.parse(again.out)], [0, { erasures: 1, keys: 1 }])
  t.match(await run(trail.prunerUrl, ['erase-again', '--erasures', `${file}.none`]), { code: 2, error: /no list/ })
  t.same(whose(await opened(trail)), FIRST_ERASED)
  t.equal((await db('audit_lookups')).length, 1)
  t.match(await db('audit_erasures'), [{ subject: 'user-1' }], 'and rows that come late are known by it')
  t.same(await reapplyErasures(pruner, options), { erasures: 1, keys: 0 })
  t.same(await reapplyErasures(pruner, { ...options, file: `${file}.none` }), { erasures: 0, keys: 0 })
  t.match(
    (await rowsOf(db)).filter(row => row.action === 'audit.erase-again'),
    [{ reason: 'restored' }, { reason: 'restored' }]
  )
  t.match(await verifyChain(db), { ok: true })
})

t.test('nobody is erased while a legal hold may cover his or her rows', async t => {
  const trail = await erasable(t)
  const { app: db, pruner, file } = trail
  const request = { subject: 'user-1', ground: 'asked', operator: 'test', file }
  await placeHold(db, { name: 'matter-7', filter: { action: 'login' } }, { process: 'test', timeoutMs: 5000 })
  await t.rejects(erasePerson(pruner, request), /under a legal hold: matter-7/)
  t.same(whose(await opened(trail)), ALL_READABLE)
  await releaseHold(db, 'matter-7', { process: 'test', timeoutMs: 5000 })
  t.match(await erasePerson(pruner, request), { keys: 1 })
})

t.test('a line of the list that nobody wrote with the key erases nobody', async t => {
  const trail = await erasable(t)
  const { pruner, file } = trail
  const options = { file, keys: WRAPPING_KEYS }
  await erasePerson(pruner, { ...options, subject: 'user-3', ground: 'asked', operator: 'test' })
  const [line = ''] = readFileSync(file, 'utf8').split('\n')
  for (const forged of [line.replace('user-3', 'user-1'), line.replace(/"mac":"[^"]*"/, '"mac":null'), '{}', 'x']) {
    writeFileSync(file, `${line}\n${forged}\n`)
    await t.rejects(reapplyErasures(pruner, options), /line 2 of the list of erasures/)
  }
  writeFileSync(file, `${line}\n${line.slice(0, 40)}`)
  t.match(await reapplyErasures(pruner, options), { erasures: 1 }, 'a line without its end was never acknowledged')
  await t.rejects(reapplyErasures(pruner, { file, keys: [{ id: 'w9', key: Buffer.alloc(32, 'x9') }] }), /line 1/)
  t.same(whose(await opened(trail)), ALL_READABLE)
})
