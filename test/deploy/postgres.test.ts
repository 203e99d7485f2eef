import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { startPostgres, stopPostgres } from '@sallyport/local'
import { connect, testDatabase } from '../support/database.ts'

t.test('the cluster keeps its data over a restart, below a parent folder that is closed to others', async t => {
  const directory = join(mkdtempSync(join(tmpdir(), 'sallyport-postgres-')), 'cluster')
  const first = await startPostgres({ directory })
  const one = connect(first.url)
  await one.raw('create table kept (x int)')
  await one.destroy()
  await first.stop()

  const second = await startPostgres({ directory })
  const two = connect(second.url)
  await two.raw('select * from kept')
  await two.destroy()
  await second.stop()
  rmSync(dirname(dirname(second.dataDirectory)), { recursive: true })
  t.equal(await second.ended, 'exit code 0')
})

t.test('a server left behind by a killed parent is stopped by the next start', async t => {
  const directory = join(mkdtempSync(join(tmpdir(), 'sallyport-postgres-')), 'cluster')
  const orphan = await startPostgres({ directory, detached: true })
  const next = await startPostgres({ directory })
  t.throws(() => process.kill(orphan.pid, 0), { code: 'ESRCH' }, 'the orphan is gone')
  await next.stop()
  await stopPostgres(next.dataDirectory)
  rmSync(dirname(dirname(next.dataDirectory)), { recursive: true })
})

t.test('a test file gets a database of its own, made from a template', async t => {
  const prepare = async (db: import('knex').Knex): Promise<void> => {
    await db.schema.createTable('thing', table => {
      table.increments()
    })
  }
  const first = await testDatabase(t, 'self-test', prepare)
  const second = await testDatabase(t, 'self-test', prepare)
  await first.db('thing').insert({})
  t.equal((await first.db('thing')).length, 1)
  t.equal((await second.db('thing')).length, 0)
})
