// A pool of the app's own, set up as apps do: names in another case, and numbers instead of text.
import auditLog, { pruneAudit, readHead, sealNow, verifyChain } from '@sallyport/audit-log'
import Fastify from 'fastify'
import knex, { type Knex } from 'knex'
import t from 'tap'
import { auditDatabase } from './support/audited-app.ts'

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
