import t from 'tap'
import { aclMigrations, grantAccess, hasAccess, withdrawAccess, type AclEntry } from '@sallyport/authorization'
import { connect } from '../../support/database.ts'
import { APP_ROLE, orderDatabase } from './support/database.ts'

const entry: AclEntry = {
  issuer: 'https://issuer.test',
  subject: 'alice',
  resourceType: 'restaurant',
  resourceId: 'r1',
  permission: 'manage'
}

t.test('Z07: a permission holds from the grant to the withdrawal, for exactly its entry', async t => {
  const { db } = await orderDatabase(t)
  t.equal(await hasAccess(db, entry), false)
  await grantAccess(db, entry)
  await grantAccess(db, entry)
  t.equal(await hasAccess(db, entry), true)
  const others: Array<Partial<AclEntry>> = [
    { subject: 'Alice' },
    { subject: 'bob' },
    { issuer: 'https://other.test' },
    { issuer: null },
    { resourceType: 'order' },
    { resourceId: 'r11' },
    { resourceId: 'r' },
    { permission: 'view' }
  ]
  for (const other of others) t.equal(await hasAccess(db, { ...entry, ...other }), false, JSON.stringify(other))
  t.equal(await withdrawAccess(db, { ...entry, issuer: 'https://other.test' }), false)
  t.equal(await hasAccess(db, entry), true)
  t.equal(await withdrawAccess(db, entry), true)
  t.equal(await hasAccess(db, entry), false)
})

t.test('an entry without issuer holds for the subject of any issuer that the service trusts', async t => {
  const { db } = await orderDatabase(t)
  const { issuer, ...anyIssuer } = entry
  await grantAccess(db, anyIssuer)
  t.equal(await hasAccess(db, { ...anyIssuer, issuer: 'https://other.test' }), true)
  t.equal(await hasAccess(db, anyIssuer), true)
  t.ok(issuer)
})

t.test('a grant in a transaction that fails was never given', async t => {
  const { db } = await orderDatabase(t)
  await t.rejects(
    db.transaction(async trx => {
      await grantAccess(trx, entry)
      throw new Error('the change failed')
    }),
    { message: 'the change failed' }
  )
  t.equal(await hasAccess(db, entry), false)
})

t.test('an entry for an empty subject cannot be stored', async t => {
  const { db } = await orderDatabase(t)
  await t.rejects(grantAccess(db, { ...entry, subject: '' }))
})

t.test('the app role may read, add and remove entries, and neither change them nor touch the migrations', async t => {
  const { url } = await orderDatabase(t)
  const appUrl = new URL(url)
  appUrl.username = APP_ROLE
  appUrl.password = 'test'
  const app = connect(appUrl.href, 1)
  t.teardown(() => app.destroy())
  await grantAccess(app, entry)
  t.equal(await hasAccess(app, entry), true)
  t.equal(await withdrawAccess(app, entry), true)
  for (const statement of [
    "update acl_entries set subject = 'bob'",
    'truncate acl_entries',
    'drop table acl_entries',
    'delete from acl_migrations'
  ]) {
    await t.rejects(app.raw(statement), { code: '42501' }, statement)
  }
})

t.test('the migrations run once, in a table of their own, and can be taken back', async t => {
  const { db } = await orderDatabase(t)
  const { source, tableName } = aclMigrations({ appRole: APP_ROLE })
  const [, repeated] = await db.migrate.latest({ migrationSource: source, tableName })
  t.strictSame(repeated, [])
  t.strictSame(await db(tableName).pluck('name'), ['001-acl-entries'])
  await db.migrate.rollback({ migrationSource: source, tableName })
  t.equal(await db.schema.hasTable('acl_entries'), false)
  await t.rejects(source.getMigration('002-unknown'))
})
