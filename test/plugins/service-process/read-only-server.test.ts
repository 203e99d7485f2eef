// A server that becomes read-only behind open connections, with a real PostgreSQL.
import { connectDatabase } from '@sallyport/service-process'
import t from 'tap'
import { testDatabase } from '../../support/database.ts'

t.test('a connection to a server that takes no changes is closed, with those that were opened before it', async t => {
  const { url } = await testDatabase(t, 'read-only-server', async db => {
    await db.raw('create table things (thing text)')
  })
  const db = connectDatabase({ databaseUrl: url, databaseConnections: 3, databaseTimeoutMs: 5000 })
  t.after(() => db.destroy())
  // What a former primary is once it is fenced: connections stay, and changes are refused.
  const held = await Promise.all([1, 2, 3].map(() => db.transaction()))
  for (const trx of held) await trx.raw('set session characteristics as transaction read only')
  for (const trx of held) await trx.commit()
  const insert = async () => await db('things').insert({ thing: 'one' })
  t.equal((await db('things')).length, 0, 'it still answers')
  await t.rejects(insert(), { code: '25006' })
  await t.resolves(Promise.all([insert(), insert(), insert()]), 'no other connection has to find out by itself')
  t.equal((await db('things')).length, 3)
})
