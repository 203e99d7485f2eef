import t from 'tap'
import { createStatementDescriber } from '../../../plugins/service-process/src/describe-statement.ts'

const summaries: Readonly<Record<string, string>> = {
  'select * from "orders" where "id" = ? for update of "orders" skip locked': 'SELECT orders',
  'insert into "orders" ("id", "state") values (?, ?) on conflict do update set "state" = ?': 'INSERT orders',
  'update "audit"."rows" set "seal" = ? where "seal" is distinct from other': 'UPDATE audit.rows',
  'delete from lines using old where extract(epoch from at) < ?': 'DELETE lines',
  'with recent as (select * from "orders" limit ?) select * from recent join "lines" on true':
    'WITH SELECT orders SELECT recent lines',
  'insert into old select * from orders': 'INSERT old SELECT orders',
  'BEGIN;': 'BEGIN',
  '': 'QUERY'
}

t.test('a statement is named by its operations and their tables', async t => {
  const describe = createStatementDescriber()
  for (const [sql, summary] of Object.entries(summaries)) t.equal(describe(sql).summary, summary, sql)
  t.equal(describe('select 1 from "orders"'), describe('select 1 from "orders"'), 'once')
})

t.test('P5: values that are written into a statement are not told', async t => {
  const describe = createStatementDescriber()
  const { text, summary } = describe("select * from users where name = 'canary' and note = 'it''s a canary'")
  t.equal(text, 'select * from users where name = ? and note = ??')
  t.equal(summary, 'SELECT users')
})

t.test('a long statement has a short name, found in one pass', async t => {
  const { summary } = createStatementDescriber()(`select * from t where ${'(select 1 from t) or '.repeat(10_000)} true`)
  t.equal(summary.length, 255)
})
