import { migrate, postgresStore, type Store } from '@sallyport/auth-server'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { newHash, NOW, someSession, type SomeSession } from '../../auth-server/src/store/checks/rows.ts'
import type { Rotation } from '../../auth-server/src/store/contract.ts'
import { sampleRecord } from '../support/sample-record.ts'
import { connect, testDatabase } from '../support/database.ts'

type Row = ReturnType<typeof sampleRecord>

async function openStore(t: Test): Promise<{ store: Store; db: Knex; url: string }> {
  const { db, url } = await testDatabase(t, 'auth-server-empty', async db => {
    await migrate(db, { appRole: 'postgres', prunerRole: 'postgres' })
  })
  return { store: postgresStore(db), db, url }
}

const rotationOf = ({ session, tokenHash }: SomeSession, more: Partial<Rotation> = {}): Rotation => ({
  hash: tokenHash,
  successorHash: newHash(),
  successorSealed: Buffer.from('sealed'),
  sessionId: session.id,
  nowMs: NOW + 1000,
  idleExpiresAtMs: NOW + 3_600_000,
  userAgent: null,
  sourceAddress: null,
  ...more
})

async function sessions(store: Store, count: number): Promise<SomeSession[]> {
  return await Promise.all(Array.from({ length: count }, async () => await someSession(store)))
}

async function writtenTogether(db: Knex): Promise<{ readonly ids: string[]; readonly commits: number }> {
  const rows: { id: string; xmin: string }[] = await db('audit_events').select('id', db.raw('xmin::text'))
  return { ids: rows.map(({ id }) => id).sort(), commits: new Set(rows.map(({ xmin }) => xmin)).size }
}

t.test('rotations that go together: each that is done has its row, and no other has one', async t => {
  const { store, db } = await openStore(t)
  const [first, ended, used, ...others] = await sessions(store, 12)
  if (first === undefined || ended === undefined || used === undefined) throw new Error('no sessions')
  await store.sessions.end({ kind: 'session', sessionId: ended.session.id }, 'logout', NOW)
  await store.sessions.rotate(rotationOf(used))

  const asked: Array<readonly [Rotation, Row]> = [first, first, ended, used, ...others].map(of => [
    rotationOf(of),
    sampleRecord('session.refresh')
  ])
  const answers = await Promise.all(asked.map(async ([rotation, row]) => await store.sessions.rotate(rotation, row)))
  t.strictSame(answers.slice(0, 2).sort(), [false, true], 'of two for one token one is done')
  t.strictSame(answers.slice(2), [false, false, ...others.map(() => true)])
  const { ids, commits } = await writtenTogether(db)
  t.strictSame(ids, asked.flatMap(([, { id }], place) => (answers[place] === true ? [id] : [])).sort())
  t.ok(commits < ids.length, `${ids.length} rows in ${commits} commits`)
  for (const [place, [{ successorHash }]] of asked.entries()) {
    t.equal((await store.sessions.findByRefreshToken(successorHash)) !== null, answers[place], `successor ${place}`)
  }
})

t.test('a session that somebody holds keeps no other waiting, and when it has ended nothing is rotated', async t => {
  const { store, db } = await openStore(t)
  const [held, free] = await sessions(store, 2)
  if (held === undefined || free === undefined) throw new Error('no sessions')
  const [heldRow, freeRow] = [sampleRecord('session.refresh'), sampleRecord('session.refresh')]
  const waiting = await store.transaction(async trx => {
    await trx.sessions.end({ kind: 'session', sessionId: held.session.id }, 'logout', NOW)
    const asked = [
      store.sessions.rotate(rotationOf(held), heldRow),
      store.sessions.rotate(rotationOf(free), freeRow)
    ] as const
    t.equal(await asked[1], true, 'while the other waits')
    return [asked[0]]
  })
  t.strictSame(await Promise.all(waiting), [false])
  t.strictSame((await writtenTogether(db)).ids, [freeRow.id])
})

t.test('what the database cannot take fails by itself, with its row', async t => {
  const { store, db } = await openStore(t)
  const [one, other] = await sessions(store, 2)
  if (one === undefined || other === undefined) throw new Error('no sessions')
  const row = sampleRecord('session.refresh')
  const [refused, done] = await Promise.allSettled([
    store.sessions.rotate(rotationOf(one, { userAgent: 'with \0' }), sampleRecord('session.refresh')),
    store.sessions.rotate(rotationOf(other), row)
  ])
  t.match(refused, { status: 'rejected', reason: { code: '22021' } })
  t.match(done, { status: 'fulfilled', value: true })
  t.strictSame((await writtenTogether(db)).ids, [row.id])
  t.equal(await store.sessions.rotate(rotationOf(one)), true, 'and the token was not used up')
})

t.test('a row that a constraint refuses fails by itself, and not those that go with it', async t => {
  const { store, db } = await openStore(t)
  const [one, other] = await sessions(store, 2)
  if (one === undefined || other === undefined) throw new Error('no sessions')
  const row = sampleRecord('session.refresh')
  const [refused, done] = await Promise.allSettled([
    store.sessions.rotate(rotationOf(one), { ...sampleRecord('session.refresh'), outcome: 'other' as 'success' }),
    store.sessions.rotate(rotationOf(other), row)
  ])
  t.match(refused, { status: 'rejected', reason: { code: '23514' } })
  t.match(done, { status: 'fulfilled', value: true })
  t.strictSame((await writtenTogether(db)).ids, [row.id])
})

t.test('a row that cannot be written takes its rotation with it', async t => {
  const { store, db } = await openStore(t)
  const [of] = await sessions(store, 1)
  if (of === undefined) throw new Error('no session')
  await t.rejects(
    store.sessions.rotate(rotationOf(of), { ...sampleRecord('session.refresh'), outcome: 'other' as 'success' })
  )
  t.strictSame((await writtenTogether(db)).ids, [])
  t.equal((await store.sessions.findByRefreshToken(of.tokenHash))?.successorSealed, null)
})

t.test('in a transaction that fails there is neither a rotation nor its row', async t => {
  const { store, db } = await openStore(t)
  const [of] = await sessions(store, 1)
  if (of === undefined) throw new Error('no session')
  const failed = store.transaction(async trx => {
    t.equal(await trx.sessions.rotate(rotationOf(of), sampleRecord('session.refresh')), true)
    throw new Error('planned')
  })
  await t.rejects(failed, { message: 'planned' })
  t.strictSame((await writtenTogether(db)).ids, [])
  t.equal((await store.sessions.findByRefreshToken(of.tokenHash))?.successorSealed, null)
})

t.test('two processes that rotate the same tokens in opposite order block each other nowhere', async t => {
  const { store, db, url } = await openStore(t)
  const pool = connect(url)
  t.teardown(() => pool.destroy())
  const ofAll = await sessions(store, 20)
  const rotateAll = async (at: Store, list: readonly SomeSession[]): Promise<string[]> => {
    const rows = await Promise.all(
      list.map(async of => {
        const row = sampleRecord('session.refresh')
        return (await at.sessions.rotate(rotationOf(of), row)) ? [row.id] : []
      })
    )
    return rows.flat()
  }
  const done = await Promise.all([rotateAll(store, ofAll), rotateAll(postgresStore(pool), ofAll.toReversed())])
  t.equal(done.flat().length, ofAll.length, 'each token is rotated once')
  t.strictSame((await writtenTogether(db)).ids, done.flat().sort())
})
