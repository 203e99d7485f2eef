import { databaseLog } from '@sallyport/service-process'
import knex from 'knex'
import t from 'tap'

t.test(
  'a warning of the query builder is one line on stderr, and a connection that could not be had is none',
  async t => {
    const lines = t.capture(process.stderr, 'write', () => true)
    const db = knex({
      client: 'pg',
      log: databaseLog,
      connection: { host: '127.0.0.1', port: 1 },
      pool: { min: 0, max: 1 }
    })
    t.teardown(() => db.destroy())
    db.client.logger.warn('a warning\n    at its place')
    await t.rejects(db.raw('select 1'))
    databaseLog.warn(new Error('Connection Error: something else'))
    t.strictSame(
      lines().map(({ args }) => args[0]),
      ['database: a warning\n', 'database: Error: Connection Error: something else\n']
    )
  }
)
