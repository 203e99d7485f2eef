import { admin, postgresStore } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { claimsOf, FACTS, login, startServer } from '../support/authorization-server.ts'

const DAY_MS = 86_400_000

t.test(
  'the list of a token that a change of roles revoked stays until the token has expired, though its session has moved on',
  async t => {
    let tidy = async (): Promise<void> => {}
    const { app, db, clock } = await startServer(
      t,
      {},
      {
        housekeepingSchedule: run => {
          tidy = run
          return { stop: () => {} }
        }
      }
    )
    await db('status_lists').update({ open: false })
    const { access_token: accessToken } = (await login(app, 'customer2')).body
    const { uri } = (claimsOf(accessToken).status as { status_list: { uri: string } }).status_list
    const id = uri.split('/').at(-1) ?? ''
    const isThere = async (): Promise<boolean> => (await db('status_lists').where({ id }).first('id')) !== undefined
    await db('status_lists')
      .where({ id })
      .update({ open: false, created_at: new Date(clock.ms - 2 * DAY_MS) })
    await admin.setRoles(
      administration(db, () => clock.ms),
      FACTS.users.customer2.subject,
      ['COURIER']
    )
    t.equal(
      await db('sessions').where({ status_list_id: id }).first('id'),
      undefined,
      'the session is in another list now'
    )

    await tidy()
    t.equal(await isThere(), true, 'in the same minute')
    clock.ms = Number(claimsOf(accessToken).exp) * 1000
    await tidy()
    t.equal(await isThere(), true, 'as long as the token counts')
    clock.ms += DAY_MS
    await tidy()
    t.equal(await isThere(), false)
  }
)

t.test('a large status list goes in batches, its positions first', async t => {
  const { db, clock } = await startServer(t)
  const list = {
    id: 'an-old-list',
    size: 64,
    bits: Buffer.alloc(8),
    open: false,
    created_at: new Date(clock.ms - 9 * DAY_MS),
    unused_since: new Date(clock.ms - 2 * DAY_MS)
  }
  await db('status_lists').insert(list)
  await db('status_indexes').insert(
    Array.from({ length: 25 }, (_, index) => ({ list_id: list.id, index, allocated_at: list.created_at }))
  )
  const rules = {
    expiredBeforeMs: clock.ms,
    requestsBeforeMs: clock.ms,
    attemptsBeforeMs: clock.ms,
    endedBeforeMs: clock.ms - DAY_MS,
    limit: 10
  }
  const removed = []
  for (let run = 0; run < 4; run++) {
    const counts = await postgresStore(db).transaction(async trx => await trx.housekeeping.removeExpired(rules))
    removed.push([counts?.statusPositions, counts?.statusLists])
  }
  t.strictSame(removed, [
    [10, 0],
    [10, 0],
    [5, 1],
    [0, 0]
  ])
})

t.test('every table that names positions of status lists has an index that finds them', async t => {
  const { db } = await startServer(t)
  const { rows } = await db.raw<{
    rows: Array<{ table: string; indexed: boolean }>
  }>(`select conrelid::regclass::text as table,
      exists (select 1 from pg_index where indrelid = conrelid and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey) as indexed
    from pg_constraint where contype = 'f' and confrelid = 'status_indexes'::regclass order by 1`)
  t.strictSame(
    rows,
    [
      { table: 'clients', indexed: true },
      { table: 'sessions', indexed: true }
    ],
    'else each removed position costs a look at every row'
  )
})
