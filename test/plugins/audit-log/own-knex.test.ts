// A pool of the app's own, set up as apps do: names in another case, and numbers instead of text.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import auditLog, {
  createJoinHash,
  endPush,
  erasePerson,
  expireDayKeys,
  fileAnchor,
  holdsOverPerson,
  listHolds,
  placeHold,
  pruneAudit,
  readAudit,
  readHead,
  readPersonal,
  readPersonalAudit,
  reapplyErasures,
  releaseHold,
  resumeTrail,
  rewrapPersonKeys,
  sealNow,
  verifyChain
} from '@sallyport/audit-log'
import Fastify from 'fastify'
import knex, { type Knex } from 'knex'
import t from 'tap'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { signCheckpoint } from '../../../plugins/audit-log/src/checkpoint/checkpoint.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
const snake = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** What objection and many apps do with every result. */
function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [camel(name), member]))
}

function inCamelCaseRows(result: { readonly rows?: unknown[] } | unknown[]): unknown {
  if (Array.isArray(result)) return inCamelCase(result)
  return Array.isArray(result?.rows) ? { ...result, rows: inCamelCase(result.rows) } : inCamelCase(result)
}

const OWN: Readonly<Record<string, Partial<Knex.Config>>> = {
  'names in camel case': {
    postProcessResponse: inCamelCaseRows,
    wrapIdentifier: (name, wrap) => (name === '*' ? name : wrap(snake(name)))
  }
}

for (const [what, config] of Object.entries(OWN)) {
  t.test(`a pool with ${what} writes, seals, reads and verifies as any other`, async t => {
    const { appUrl, prunerUrl, superuser } = await auditDatabase(t)
    const db = knex({ client: 'pg', connection: appUrl, pool: { min: 0, max: 4 }, ...config })
    const app = Fastify()
    t.after(async () => {
      await app.close()
      await db.destroy()
    })
    app.decorateRequest('principal', null)
    app.addHook('onRequest', async request => {
      Object.assign(request, { principal: { subject: 'user-1' } })
    })
    await app.register(auditLog, {
      db,
      process: 'own',
      sealer: { intervalMs: 1_000_000 },
      route: { path: '/audit', access: 'authenticated', personalAccess: 'authenticated' }
    })
    app.post('/things', { config: { audit: { action: 'thing.create' } } }, async request =>
      db.transaction(async trx => {
        await request.audit(trx, { action: 'thing.create', outcome: 'success', detail: { email: 'ada@example.com' } })
        return {}
      })
    )
    app.get('/things', { config: { audit: { action: 'thing.read' } } }, async () => ({}))
    t.equal((await app.inject({ method: 'POST', url: '/things' })).statusCode, 200)
    t.equal((await app.inject('/things')).statusCode, 200)
    await t.resolves(app.sealAudit())
    const page = await app.inject('/audit?order=oldest')
    t.match(page.json(), {
      events: [
        { action: 'thing.create', sequence: 1 },
        { action: 'thing.read', sequence: 2 }
      ]
    })
    t.match((await app.inject('/audit/personal?order=oldest')).json(), {
      events: [{ personal: { detail: { '/email': 'ada@example.com' } } }]
    })
    await app.sealAudit()
    t.match(await verifyChain(db), { ok: true })
    const pruner = knex({ client: 'pg', connection: prunerUrl, pool: { min: 0, max: 2 }, ...config })
    t.after(async () => {
      await pruner.destroy()
    })
    t.match(await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) }), { removed: 4 })
    t.match(await sealNow(db), { sealed: 1 })
    t.match(await readHead(db), { sequence: 5 })
    t.match(await verifyChain(superuser), { ok: true })
  })
}

/** Names in capitals, and results of `raw` without their frame. */
const OTHERWISE: Partial<Knex.Config> = {
  wrapIdentifier: (name, wrap) => (name === '*' ? name : wrap(name.toUpperCase())),
  postProcessResponse: (result: { readonly rows?: unknown[] }) => result?.rows ?? result
}

t.test('whatever the package offers works with a pool that changes every name and every result', async t => {
  const { app: plain, appUrl, prunerUrl } = await auditDatabase(t)
  const [db, pruner] = [appUrl, prunerUrl].map(url =>
    knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 }, ...OTHERWISE })
  )
  if (db === undefined || pruner === undefined) throw new Error('there are two pools')
  t.after(async () => {
    await db.destroy()
    await pruner.destroy()
  })
  const keys = [{ id: 'k1', key: randomBytes(32) }]
  const audited = await buildApp(t, { db: plain, privacy: { keys } }, () => {})
  const detail = { email: 'ada@example.com' }
  await audited.auditSink.write({ action: 'login', outcome: 'success', subject: 'user-1', detail })
  await sealNow(plain)

  const context = { process: 'test', timeoutMs: 5000 }
  await placeHold(db, { name: 'one', filter: { subject: 'user-1' } }, context)
  t.match(await listHolds(db), [{ name: 'one', overOwnIssuer: false, placedAt: Date }])
  t.same(await holdsOverPerson(db, { subject: 'user-1', issuer: null }), ['one'])
  await releaseHold(db, 'one', context)
  t.same(await listHolds(db), [])

  const query = { limit: 10, order: 'oldest' } as const
  const { events } = await readAudit(db, { ...query, subject: 'user-1' })
  t.match(events, [{ action: 'login', occurredAt: String }])
  t.match(await readPersonal(db, events, { keys }), [{ personal: { detail: { '/email': 'ada@example.com' } } }])
  t.match(await readPersonalAudit(db, query, { keys, joinHash: createJoinHash() }), {
    events: [{ personal: Object }]
  })

  const newer = [{ id: 'k2', key: randomBytes(32) }, ...keys]
  t.match(await rewrapPersonKeys(pruner, newer), { rewrapped: 1, unopened: 0 })
  t.equal(await expireDayKeys(db, 5000), 0)
  const file = join(spillFolder(t), 'erasures')
  const person = { subject: 'user-1', ground: 'asked', operator: 'test', file }
  t.match(await erasePerson(pruner, person), { keys: 1, settled: true })
  t.match(await reapplyErasures(pruner, { file }), { erasures: 1, keys: 0 })
  t.equal(await endPush(db, context), null)

  const anchor = fileAnchor(join(spillFolder(t), 'anchor'))
  const signing = checkpointKeys({ origin: 'orders.example.com', keys: [randomBytes(32)] })
  const restore = { db, keys: signing, anchors: [anchor], process: 'test', timeoutMs: 5000 }
  await t.rejects(resumeTrail(restore), /nothing to resume/)
  await sealNow(db)
  const ahead = { size: 99, root: randomBytes(32), chainHash: null }
  await anchor.add(signCheckpoint(ahead, signing.signers))
  t.match(await resumeTrail(restore), { epoch: 1, lost: 99 - 5 })
  t.match(await verifyChain(db), { ok: true, sealedRows: 6 })
})
