import { hasAccess, recordedAccessChanges, type AclEntry } from '@sallyport/authorization'
import type { AuditEvent } from '@sallyport/security-context'
import t from 'tap'
import { orderDatabase } from './support/database.ts'

const entry: AclEntry = {
  issuer: 'https://issuer.test',
  subject: 'alice',
  resourceType: 'restaurant',
  resourceId: 'r1',
  permission: 'manage'
}

t.test('a permission is given and withdrawn with its record, in one transaction or not at all', async t => {
  const { db } = await orderDatabase(t)
  const records: AuditEvent[] = []
  const access = recordedAccessChanges(async (_trx, event) => {
    records.push(event)
  })
  await db.transaction(async trx => {
    await access.grant(trx, entry)
  })
  t.equal(await hasAccess(db, entry), true)
  t.equal(await access.withdraw(db, { ...entry, subject: 'bob' }), false, 'what was not there is no change')
  t.equal(await access.withdraw(db, entry), true)
  const about = {
    outcome: 'success',
    resource: { type: 'restaurant', id: 'r1' },
    detail: { permission: 'manage', grantee: { issuer: 'https://issuer.test', subject: 'alice' } }
  }
  t.same(records, [
    { action: 'access.grant', ...about },
    { action: 'access.withdraw', ...about }
  ])

  const withoutTrail = recordedAccessChanges(async () => {
    throw new Error('the trail is away')
  })
  await t.rejects(
    db.transaction(async trx => {
      await withoutTrail.grant(trx, entry)
    }),
    { message: 'the trail is away' }
  )
  t.equal(await hasAccess(db, entry), false, 'what is not recorded was never given')
})

t.test('an entry without issuer is refused where tokens of several are taken, and is in no record', async t => {
  const { db } = await orderDatabase(t)
  const { issuer: _issuer, ...anyIssuer } = entry
  const access = recordedAccessChanges(async () => {
    t.fail('nothing was given')
  }, 'several')
  await t.rejects(access.grant(db, anyIssuer), { code: 'SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING' })
})
