import t from 'tap'
import { namedMigrations } from '@sallyport/security-context/mechanics'

const migration = { up: async () => {}, down: async () => {} }

t.test('knex gets the names in their order, and the migration of each', async t => {
  const other = { ...migration }
  const { source, tableName } = namedMigrations('thing_migrations', { '0001-things': migration, '002_more': other })
  t.equal(tableName, 'thing_migrations')
  t.same(await source.getMigrations(), ['0001-things', '002_more'])
  t.equal(source.getMigrationName('002_more'), '002_more')
  t.equal(await source.getMigration('002_more'), other)
})

t.test('a migration that is not in the list does not run as nothing', async t => {
  const { source } = namedMigrations('thing_migrations', { '001-things': migration })
  for (const name of ['002-more', 'constructor', '__proto__']) {
    await t.rejects(source.getMigration(name), { message: `thing_migrations has no migration ${name}` })
  }
})

t.test('what has been listed does not change any more', async t => {
  const list: Record<string, typeof migration> = { '001-things': migration }
  const migrations = namedMigrations('thing_migrations', list)
  list['002-later'] = migration
  t.same(await migrations.source.getMigrations(), ['001-things'])
  t.throws(() => Object.assign(migrations.source, { getMigrations: async () => [] }), TypeError)
})

t.test('a name that says no place, or one out of its place, is a mistake at once', t => {
  for (const name of ['things', '1', '001', '01-things', '001-Things', '001-things-', '001-../things']) {
    t.throws(() => namedMigrations('thing_migrations', { [name]: migration }), {
      name: 'TypeError',
      message: `thing_migrations: ${name} is no name of a migration`
    })
  }
  t.throws(() => namedMigrations('thing_migrations', { '002-more': migration, '001-things': migration }), {
    message: 'thing_migrations: 001-things comes after 002-more'
  })
  t.end()
})
