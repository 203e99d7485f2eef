import { auditedEffects } from '@sallyport/audit-log'
import { createAuditRows } from '@sallyport/testing'
import type { AuditEvent } from '@sallyport/security-context'
import type { Knex } from 'knex'
import t from 'tap'
import { insertTogetherWithin } from '../../../plugins/audit-log/src/insert-together.ts'
import { sampleRecord } from '../../support/sample-record.ts'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'

const NO_DATABASE = {} as Knex
const MAKE = { access: 'authenticated', audit: { action: 'thing.make' } } as const
const MADE: AuditEvent = { action: 'thing.make', outcome: 'success' }
const caller = { 'x-test-subject': 'user-1' }

const makeThings = auditedEffects<number>({
  name: 'test-make-things',
  columns: { id: 'text' },
  effects: `made as (
      insert into thing (id) select id::int from asked on conflict do nothing returning id
    ), effected as (select place from asked join made on made.id = asked.id::int)`,
  valuesOf: id => [String(id)]
})

t.test('A1: an effect and its row are one commit, and an effect that was not done has none', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, unfulfilled: 'refuse' }, app => {
    app.post('/things', { config: MAKE }, async request => {
      const made = await request.auditWith(db, MADE, async row => (await makeThings(db, [{ effect: 7, row }])).has(0))
      return { made }
    })
  })
  const make = async () => await app.inject({ method: 'POST', url: '/things', headers: caller })
  t.same((await make()).json(), { made: true })
  t.equal((await make()).json().code, 'SALLYPORT_AUDIT_UNFULFILLED', 'nothing was done, so nothing is recorded')
  const rows: { subject: string; xmin: string }[] = await db('audit_events')
    .where({ action: 'thing.make', reason: null })
    .select('subject', db.raw('xmin::text'))
  t.equal(rows.length, 1)
  t.equal(rows[0]?.subject, 'user-1')
  t.strictSame(await db('thing').select('id', db.raw('xmin::text')), [{ id: 7, xmin: rows[0]?.xmin }])
})

t.test('A1: in a transaction, effect and row are part of it', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.post('/things', { config: MAKE }, async request =>
      db.transaction(async trx => {
        await request.auditWith(trx, MADE, async row => (await makeThings(trx, [{ effect: 7, row }])).has(0))
        throw new Error('planned')
      })
    )
  })
  t.equal((await app.inject({ method: 'POST', url: '/things', headers: caller })).statusCode, 500)
  t.match(await rowsOf(db), [{ action: 'thing.make', outcome: 'failure' }])
  t.strictSame(await db('thing').select(), [])
})

t.test('A1: a transaction says with the look at its row whether an effect in it counts', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, unfulfilled: 'refuse' }, app => {
    app.post('/things', { config: MAKE }, async request => {
      const trx = await db.transaction()
      await request.auditWith(trx, MADE, async row => (await makeThings(trx, [{ effect: 7, row }])).has(0))
      await trx.rollback()
      return {}
    })
  })
  const answer = await app.inject({ method: 'POST', url: '/things', headers: caller })
  t.equal(answer.json().code, 'SALLYPORT_AUDIT_UNFULFILLED')
})

t.test('A1: where the store makes no rows for effects, there is 503 and no effect', async t => {
  const app = await buildApp(t, { store: createAuditRows() }, app => {
    app.post('/things', { config: MAKE }, async request => {
      await request.auditWith(NO_DATABASE, MADE, async () => t.fail('must not be done'))
      return {}
    })
  })
  const answer = await app.inject({ method: 'POST', url: '/things', headers: caller })
  t.equal(answer.json().code, 'SALLYPORT_AUDIT_UNAVAILABLE')
})

t.test('A1: a row for a transaction that has ended is refused, and goes into nobody else’s', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.post('/things', { config: MAKE }, async request => {
      const trx = await db.transaction()
      await trx.commit()
      await request.audit(trx, MADE)
      return {}
    })
  })
  const answer = await app.inject({ method: 'POST', url: '/things', headers: caller })
  t.equal(answer.json().code, 'SALLYPORT_AUDIT_UNAVAILABLE')
  t.match(await rowsOf(db), [{ outcome: 'failure', reason: 'SALLYPORT_AUDIT_UNAVAILABLE' }])
  const ended = await db.transaction()
  await ended.commit()
  await t.rejects(insertTogetherWithin(ended, [sampleRecord('thing.make')], 5000), { message: /has ended/ })
  t.equal((await rowsOf(db)).length, 1, 'also where the keys of its person need no statement')
})
