// Legal holds: rows that nobody prunes until they are released.
import {
  holdsOverPerson,
  listHolds,
  placeHold,
  pruneAudit,
  releaseHold,
  runAuditCommand,
  sealNow,
  verifyChain
} from '@sallyport/audit-log'
import t, { type Test } from 'tap'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'

const CONTEXT = { process: 'legal', detail: { operator: 'counsel' }, timeoutMs: 5000 }
const DAY = (day: number): Date => new Date(Date.UTC(2026, 0, day))

/** Ten days; even ones are of user-0, odd ones of user-1. */
async function tenDays(t: Test): Promise<AuditDatabase & { readonly left: () => Promise<string[]> }> {
  const database = await auditDatabase(t)
  let day = 1
  const app = await buildApp(t, { db: database.app, clock: () => DAY(day).getTime() }, () => {})
  for (; day <= 10; day++) {
    await app.auditSink.write({ action: `day.${day}`, outcome: 'success', subject: `user-${day % 2}` })
  }
  await sealNow(database.app)
  const left = async (): Promise<string[]> =>
    (await rowsOf(database.superuser)).map(({ action }) => action).filter(action => action.startsWith('day.'))
  return { ...database, left }
}

t.test('rows under a hold are kept by pruning, verify, and go once the hold is released', async t => {
  const { app: db, pruner, left } = await tenDays(t)
  await placeHold(db, { name: 'case 17', filter: { subject: 'user-1', until: DAY(6).toISOString() } }, CONTEXT)
  t.match(await listHolds(db), [{ name: 'case 17', filter: { subject: 'user-1' } }])
  await sealNow(db)
  t.match(await pruneAudit(pruner, { before: DAY(9) }), { removed: 5, throughSequence: 8 })
  t.same(await left(), ['day.1', 'day.3', 'day.5', 'day.9', 'day.10'])
  await sealNow(db)
  t.match(await verifyChain(db), { ok: true, prunedThrough: 8 })
  t.match(await pruneAudit(pruner, { before: DAY(9) }), { removed: 0, throughSequence: 8 })
  await releaseHold(db, 'case 17', CONTEXT)
  t.same(await listHolds(db), [])
  t.match(await pruneAudit(pruner, { before: DAY(9) }), { removed: 3, throughSequence: 8 })
  t.same(await left(), ['day.9', 'day.10'])
  await sealNow(db)
  t.match(await verifyChain(db), { ok: true })
  const [placed, released] = (await rowsOf(db)).filter(({ action }) => /^audit\.(hold|release)$/.test(action))
  t.match(placed, {
    action: 'audit.hold',
    detail: { name: 'case 17', operator: 'counsel', filter: { subject: 'user-1' } }
  })
  t.match(released, { action: 'audit.release', detail: { name: 'case 17' } })
})

t.test('a hold that is placed while a pruning is under way waits for its batch: no row goes after that', async t => {
  const { app: db, pruner, superuser, left } = await tenDays(t)
  const hold = { isPlaced: false }
  const waitsFor = async (what: string): Promise<void> => {
    const waiting = `select from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock' and query like ?`
    while (!hold.isPlaced && (await superuser.raw<{ rows: unknown[] }>(waiting, [what])).rows.length === 0);
  }
  let pruning: Promise<unknown> = Promise.resolve()
  let placed: Promise<readonly string[]> = Promise.resolve([])
  await superuser.transaction(async trx => {
    await trx.raw('lock table audit_prunings in exclusive mode')
    pruning = pruneAudit(pruner, { before: DAY(6) })
    await waitsFor('%insert into audit_prunings%')
    placed = placeHold(db, { name: 'late', filter: { subject: 'user-1' } }, CONTEXT).then(async () => {
      hold.isPlaced = true
      return await left()
    })
    await waitsFor('%sallyport-audit-hold%')
  })
  const held = await placed
  t.match(await pruning, { removed: 5 })
  t.same(held, await left(), 'what is there when the hold is placed stays there')
})

t.test('A5: not even the pruner deletes a held row, also with tables of its own in the way', async t => {
  const { app: db, pruner, left } = await tenDays(t)
  await placeHold(db, { name: 'case 18', filter: { action: 'day.2' } }, CONTEXT)
  await t.rejects(pruner('audit_events').delete(), /under a legal hold/)
  await t.rejects(
    pruner.transaction(async trx => {
      await trx.raw('create temporary table audit_holds as table audit_holds with no data')
      await trx('audit_events').where({ action: 'day.2' }).delete()
    }),
    /under a legal hold/
  )
  for (const table of ['audit_holds', 'audit_hold_releases']) {
    await t.rejects(pruner(table).delete(), /permission denied/)
    await t.rejects(db(table).delete(), /permission denied/)
  }
  const [hold] = await db('audit_holds').select<{ id: string; event_id: string }[]>()
  await t.rejects(
    pruner('audit_hold_releases').insert({ hold_id: hold?.id, event_id: hold?.event_id }),
    /permission denied/
  )
  t.equal((await left()).length, 10)
})

t.test('a hold over a person is seen by whoever erases; one over other fields may be over anybody', async t => {
  const { app: db } = await tenDays(t)
  await placeHold(db, { name: 'one', filter: { subject: 'user-1' } }, CONTEXT)
  t.same(await holdsOverPerson(db, { subject: 'user-1', issuer: null }), ['one'])
  t.same(await holdsOverPerson(db, { subject: 'user-0', issuer: null }), [])
  await placeHold(db, { name: 'two', filter: { action: 'day.4' } }, CONTEXT)
  t.same(await holdsOverPerson(db, { subject: 'user-0', issuer: null }), ['two'])
})

t.test('a hold over nothing, over a misspelt field or with a name that is taken is refused', async t => {
  const { app: db } = await tenDays(t)
  await t.rejects(placeHold(db, { name: 'x', filter: {} }, CONTEXT), /needs a field or a time/)
  await t.rejects(placeHold(db, { name: 'x', filter: { subjct: 'a' } }, CONTEXT), {
    code: 'SALLYPORT_AUDIT_QUERY_INVALID'
  })
  await t.rejects(placeHold(db, { name: 'x', filter: { limit: '5' } }, CONTEXT), /cannot be held by limit/)
  await placeHold(db, { name: 'x', filter: { action: 'day.1' } }, CONTEXT)
  await t.rejects(placeHold(db, { name: 'x', filter: { action: 'day.2' } }, CONTEXT), /already/)
  await releaseHold(db, 'x', CONTEXT)
  await t.rejects(releaseHold(db, 'x', CONTEXT), /there is no hold x/)
  await placeHold(db, { name: 'x', filter: { action: 'day.2' } }, CONTEXT)
  t.match(await listHolds(db), [{ name: 'x', filter: { action: 'day.2' } }])
})

t.test('the command places, lists and releases holds', async t => {
  const { app: db, appUrl } = await tenDays(t)
  const out: string[] = []
  const run = async (...args: readonly string[]): Promise<number> =>
    await runAuditCommand({
      args: ['hold', ...args],
      environment: { DATABASE_URL: appUrl },
      call: 'sallyport-audit',
      out: text => out.push(text),
      error: () => {}
    })
  t.equal(await run('--name', 'case 1'), 2)
  t.equal(await run('--subject', 'user-1'), 2)
  t.equal(await run('--name', 'a', '--release', 'b'), 2)
  t.equal(await run('--release', 'case 1'), 1)
  t.same(out, [])
  t.equal(
    await run('--name', 'case 1', '--resource-type', 'order', '--from', '2026-01-01T00:00:00Z', '--because', 'suit'),
    0
  )
  t.match(out.at(-1), /case 1 {2}\{"from":"2026-01-01T00:00:00Z","resourceType":"order"\}\n$/)
  t.equal(await run('--json'), 0)
  t.match(JSON.parse(out.at(-1) ?? ''), { name: 'case 1' })
  t.equal(await run('--release', 'case 1'), 0)
  t.equal(out.length, 2, 'none is left to list')
  t.match((await rowsOf(db)).at(-2), { action: 'audit.hold', detail: { reason: 'suit' } })
})
