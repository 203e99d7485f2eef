import type { FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import t from 'tap'
import { countUnsealed } from '../../../plugins/audit-log/src/count-unsealed.ts'
import { measured } from '../support/measured.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'

const NOW = Date.UTC(2026, 0, 1)

async function addRows(superuser: Knex, count: number, occurredAtMs: number): Promise<void> {
  await superuser.raw(
    `insert into audit_events (id, occurred_at, process, action, outcome, content_hash)
      select gen_random_uuid(), ?, 'test', 'order.place', 'success', decode(repeat('00', 32), 'hex')
      from generate_series(1, ?)`,
    [new Date(occurredAtMs), count]
  )
}

const unsealed = async (app: FastifyInstance): Promise<unknown> => [
  await measured(app, 'sallyport_audit_unsealed_rows'),
  await measured(app, 'sallyport_audit_lag_seconds')
]

t.test('rows without a seal are counted with the age of the oldest, by one query for a while', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  let nowMs = 0
  const app = await buildApp(t, { db, clock: () => NOW, monotonicClock: () => nowMs }, () => {})
  await app.sealAudit()
  t.same(await unsealed(app), [0, 0])
  await addRows(superuser, 3, NOW - 90_000)
  await addRows(superuser, 1, NOW - 10_000)
  t.same(await unsealed(app), [0, 0], 'the count of a moment ago')
  nowMs += 5000
  t.same(await unsealed(app), [4, 90])
  await app.sealAudit()
  nowMs += 5000
  t.same(await unsealed(app), [0, 0])
})

t.test('a count goes beyond a page, and ends where nobody needs the number', async t => {
  const { app, superuser } = await auditDatabase(t)
  for (let page = 0; page < 2; page++) await addRows(superuser, 1500, NOW - 1000)
  t.match(await countUnsealed(app, 5000, () => NOW), { rows: 3000, oldestForMs: 1000 })
  for (let page = 0; page < 5; page++) await addRows(superuser, 2000, NOW)
  t.equal((await countUnsealed(app, 5000, () => NOW)).rows, 10_000)
})

t.test('a row that is written by a clock ahead of ours is no negative lag', async t => {
  const { app, superuser } = await auditDatabase(t)
  await addRows(superuser, 1, NOW + 5000)
  t.match(await countUnsealed(app, 5000, () => NOW), { rows: 1, oldestForMs: 0 })
})
