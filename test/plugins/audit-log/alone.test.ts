import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import auditLog from '@sallyport/audit-log'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { ROOT } from '../../support/packages.ts'
import { readmeBlocks } from '../../support/readme-blocks.ts'
import { auditDatabase, rowsOf } from './support/audited-app.ts'

t.test("the plugin works in a bare app with the app's own principal and no other plugin of ours", async t => {
  const { app: db } = await auditDatabase(t)
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  app.decorateRequest('principal', null)
  await app.register(auditLog, { db, process: 'alone', sealer: false })
  app.post('/things', { config: { audit: { action: 'thing.create' } } }, async request =>
    db.transaction(async trx => {
      await request.audit(trx, { action: 'thing.create', outcome: 'success' })
      return {}
    })
  )
  app.get('/forgotten', { config: { audit: { action: 'thing.read' } } }, async (_request, reply) =>
    reply.code(403).send({})
  )
  app.put('/unfulfilled', { config: { audit: { action: 'thing.change' } } }, async () => ({}))
  t.equal((await app.inject({ method: 'POST', url: '/things' })).statusCode, 200)
  t.equal((await app.inject('/forgotten')).statusCode, 403)
  t.equal((await app.inject({ method: 'PUT', url: '/unfulfilled' })).statusCode, 200)
  await app.sealAudit()
  t.match(
    (await rowsOf(db)).toSorted((a, b) => a.action.localeCompare(b.action)),
    [
      { action: 'thing.change', reason: 'audit-unfulfilled' },
      { action: 'thing.create', outcome: 'success', trace_id: null },
      { action: 'thing.read', outcome: 'denied', reason: 'status-403' }
    ]
  )
})

type StartApp = (
  url: string,
  signedInUser: () => Promise<unknown>
) => Promise<{ readonly app: FastifyInstance; readonly db: Knex }>

/** The start that the README shows, as a function of the database's URL and of a sign-in. */
async function readmeStart(t: Test): Promise<StartApp> {
  const blocks = readmeBlocks(readFileSync(join(ROOT, 'plugins/audit-log/README.md'), 'utf8'))
  const start = blocks.find(({ code }) => code.includes('signedInUser'))?.code.replace(/'postgres:[^']*'/, 'url') ?? ''
  const imports = ['auditLog from "@sallyport/audit-log"', 'Fastify from "fastify"', 'knex from "knex"']
  const lines = imports.map(each => `import ${each}`).join('\n')
  const module = `${lines}\nexport async function start(url, signedInUser) {\n${start}\nreturn { app, db } }`
  const file = join(t.testdir({ 'start.mjs': module }), 'start.mjs')
  return ((await import(file)) as { start: StartApp }).start
}

t.test('the start of the README holds as written, with a principal that has a subject and nothing else', async t => {
  const { app: pool, appUrl, superuser } = await auditDatabase(t)
  await superuser.raw('create table orders (id text, state text)')
  await superuser.raw('grant select, update on orders to public')
  await superuser('orders').insert({ id: 'o-1', state: 'open' })
  const callers: unknown[] = [{ subject: 'user-1' }, { subject: 'user-2' }, null]
  const { app, db } = await (await readmeStart(t))(appUrl, async () => callers.shift())
  t.after(async () => {
    await app.close()
    await db.destroy()
  })
  app.get('/orders', { config: { audit: { action: 'order.list' } } }, async (_request, reply) => reply.code(403).send())
  t.equal((await app.inject({ method: 'POST', url: '/orders/o-1/cancel' })).statusCode, 200)
  t.equal((await app.inject('/orders')).statusCode, 403)
  t.equal((await app.inject('/orders')).statusCode, 403)
  await app.sealAudit()
  const rows = (await rowsOf(pool)).toSorted((a, b) =>
    `${a.action} ${a.subject}`.localeCompare(`${b.action} ${b.subject}`)
  )
  t.match(rows, [
    { action: 'order.cancel', outcome: 'success', subject: 'user-1', resource_id: 'o-1', detail: { before: 'open' } },
    { action: 'order.list', outcome: 'denied', subject: null },
    { action: 'order.list', outcome: 'denied', subject: 'user-2', client_id: null, session_id: null, txn: null }
  ])
  t.match(await superuser('orders'), [{ state: 'cancelled' }])
})

t.test('without a principal slot the boot fails', async t => {
  const { app: db } = await auditDatabase(t)
  const app = Fastify()
  await t.rejects(async () => {
    await app.register(auditLog, { db, process: 'alone' })
  }, /principal/)
})
