import {
  acl,
  actor,
  allOf,
  anyOf,
  applyFilter,
  authorizationMatrix,
  client,
  decide,
  grantAccess,
  hasAccess,
  owner,
  role,
  type FilterMapping
} from '@sallyport/authorization'
import type { Policy, Principal, Resource } from '@sallyport/security-context'
import t from 'tap'
import { testApp } from './support/app.ts'
import { orderDatabase } from './support/database.ts'
import { principal } from './support/facts.ts'

const STAFF = 'https://staff.example'
const PARTNER = 'https://partner.example'
const resource = async () => ({ id: '1', customer: 'alice', customerIssuer: STAFF })
const ofIssuer = (issuer: string | null, facts: Partial<Principal> = {}) => principal({ issuer, ...facts })

t.test('an owner is a subject of one issuer', async t => {
  const row: Resource = await resource()
  const decides = (policy: Policy, caller: Principal) => decide(policy, { principal: caller, resource: row }).allowed
  for (const policy of [
    owner('customer', { issuer: STAFF }),
    owner('customer', { issuerAttribute: 'customerIssuer' })
  ]) {
    t.equal(decides(policy, ofIssuer(STAFF)), true)
    t.equal(decides(policy, ofIssuer(PARTNER)), false, 'the same subject of another issuer')
    t.equal(decides(policy, ofIssuer(`${STAFF}/`)), false, 'an issuer is one exact string')
    t.equal(decides(policy, ofIssuer(null)), false, 'nobody’s subject')
    t.equal(decides(policy, ofIssuer(STAFF, { subject: 'bob' })), false)
  }
  t.equal(decides(owner('customer', { issuerAttribute: 'missing' }), ofIssuer(null)), false, 'nothing equals nothing')
  t.equal(decides(owner('customer'), ofIssuer(PARTNER)), true, 'with one issuer nothing has to be named')
})

t.test('a client and an actor are those of one issuer', async t => {
  const decides = (policy: Policy, caller: Principal) => decide(policy, { principal: caller }).allowed
  const itself = { clientId: 'billing', subject: 'billing' }
  t.equal(decides(client('billing', { issuer: STAFF }), ofIssuer(STAFF, itself)), true)
  t.equal(decides(client('billing', { issuer: STAFF }), ofIssuer(PARTNER, itself)), false)
  const acting = { actor: { subject: 'gateway', actor: null } }
  const byGateway = actor('gateway', { issuer: STAFF })
  t.equal(decides(byGateway, ofIssuer(STAFF, acting)), true)
  t.equal(decides(byGateway, ofIssuer(PARTNER, acting)), false)
  const named = (iss: unknown) => ({ ...acting, claims: { act: { sub: 'gateway', iss } } })
  t.equal(decides(byGateway, ofIssuer(PARTNER, named(STAFF))), true, 'the partner says whose client acts')
  t.equal(decides(byGateway, ofIssuer(STAFF, named(PARTNER))), false)
  t.equal(decides(byGateway, ofIssuer(STAFF, named(7))), false)
})

t.test('Z07: with several issuers, a route whose policy names none does not boot', async t => {
  const { app } = await testApp({ issuers: 'several' })
  const both = { kind: 'owner', attribute: 'customer', issuer: STAFF, issuerAttribute: 'x' } as const
  const unsound: Record<string, Policy> = {
    '/owner': owner('customer'),
    '/nested': allOf(role('CUSTOMER'), anyOf(role('ADMIN'), owner('customer'))),
    '/client': client('billing'),
    '/actor': actor('gateway'),
    '/both': both,
    '/blank': owner('customer', { issuer: ' ' })
  }
  for (const [url, access] of Object.entries(unsound)) app.get(url, { config: { access, resource } }, async () => 1)
  const sound = owner('customer', { issuerAttribute: 'customerIssuer' })
  app.get('/sound', { config: { access: sound, resource } }, async () => 1)
  const error = await app.ready().then(
    () => null,
    (error: Error) => error
  )
  const several = 'names no issuer, and this app takes tokens of several'
  t.strictSame(error?.message.replace('Invalid policies: ', '').split('; '), [
    `GET /actor: access.actor ${several} (issuer)`,
    'GET /blank: access.owner has no issuer',
    'GET /both: access.owner names both issuer and issuerAttribute',
    `GET /client: access.client ${several} (issuer)`,
    `GET /nested: access.allOf.1.anyOf.1.owner ${several} (issuer or issuerAttribute)`,
    `GET /owner: access.owner ${several} (issuer or issuerAttribute)`
  ])
})

t.test('what authentication says of its issuers decides, whichever plugin comes first', async t => {
  for (const [issuers, status] of [
    [[STAFF, PARTNER], 500],
    [[STAFF], 200]
  ] as const) {
    const { app, callAs } = await testApp()
    callAs(ofIssuer(STAFF))
    app.decorate('trustedIssuers', issuers)
    app.get('/', { config: { access: 'authenticated' } }, async request => {
      await request.authorize(owner('customer'), await resource())
      return 1
    })
    t.equal((await app.inject('/')).statusCode, status, issuers.join(' '))
    await app.close()
    const early = await testApp()
    early.app.decorate('trustedIssuers', issuers)
    early.app.get('/', { config: { access: owner('customer'), resource } }, async () => 1)
    const boot = async () => await early.app.ready()
    if (status === 200) await t.resolves(boot)
    else await t.rejects(boot, { code: 'SALLYPORT_AUTHORIZATION_POLICIES_INVALID' })
    await early.app.close()
  }
})

t.test('the matrix names the issuer of an owner', async t => {
  const { app } = await testApp({ issuers: 'several' })
  const access = anyOf(owner('customer', { issuerAttribute: 'customerIssuer' }), client('billing', { issuer: STAFF }))
  app.get('/', { config: { access, resource } }, async () => 1)
  await app.ready()
  t.match(authorizationMatrix(app), `anyOf(owner(customer of customerIssuer), client(billing of ${STAFF}))`)
})

t.test('lists show the rows of a subject of the issuer, and no others', async t => {
  const { db } = await orderDatabase(t)
  await db('orders').insert([
    { id: 1, customer: 'alice', state: STAFF },
    { id: 2, customer: 'alice', state: PARTNER },
    { id: 3, customer: 'bob', state: STAFF },
    { id: 4, customer: 'alice', state: null }
  ])
  const mapping: FilterMapping = { columns: { customer: 'customer', customerIssuer: 'state' }, issuers: 'several' }
  const visible = async (policy: Policy, caller: Principal) =>
    (await applyFilter(db('orders').select('id').orderBy('id'), policy, caller, mapping)).map(({ id }) => id)
  const byColumn = owner('customer', { issuerAttribute: 'customerIssuer' })
  t.same(await visible(byColumn, ofIssuer(STAFF)), [1])
  t.same(await visible(byColumn, ofIssuer(PARTNER)), [2])
  t.same(await visible(byColumn, ofIssuer(null)), [])
  t.same(await visible(anyOf(byColumn, role('ADMIN')), ofIssuer(STAFF)), [1])
  const staffOnly = owner('customer', { issuer: STAFF })
  t.same(await visible(staffOnly, ofIssuer(STAFF)), [1, 2, 4])
  t.same(await visible(staffOnly, ofIssuer(PARTNER)), [])
  t.throws(() => applyFilter(db('orders'), owner('customer'), ofIssuer(STAFF), mapping), {
    code: 'SALLYPORT_AUTHORIZATION_POLICY_INVALID',
    message: /names no issuer/
  })
  const noColumn: FilterMapping = { ...mapping, columns: { customer: 'customer' } }
  t.throws(() => applyFilter(db('orders'), byColumn, ofIssuer(STAFF), noColumn), {
    code: 'SALLYPORT_AUTHORIZATION_FILTER_INVALID'
  })

  // Entries of the access control list, in the same database: one is enough.
  const entry = { subject: 'alice', resourceType: 'order', resourceId: '3', permission: 'view' }
  await grantAccess(db, entry)
  t.equal(await hasAccess(db, { ...entry, issuer: PARTNER }), true, 'of one issuer it gives what it says')
  t.equal(await hasAccess(db, { ...entry, issuer: PARTNER }, 'several'), false, 'of several it gives nothing')
  t.equal(await hasAccess(db, entry, 'several'), false, 'and not to a caller without issuer')
  const byEntry: FilterMapping = { columns: { id: { column: 'orders.id', type: 'integer' } }, issuers: 'several' }
  const listed = async (issuer: string | null) =>
    await applyFilter(db('orders').select('id'), acl('order', 'view', 'id'), ofIssuer(issuer), byEntry)
  t.same(await listed(STAFF), [])
  t.same(await listed(null), [])

  const boot = async () => {
    const { app, callAs } = await testApp({ acl: { db }, issuers: 'several' })
    app.get('/', { config: { access: acl('order', 'view', 'id'), resource: async () => ({ id: '3' }) } }, async () => 1)
    t.after(() => app.close())
    await app.ready()
    return { app, callAs }
  }
  await t.rejects(boot, {
    code: 'SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING',
    message: /1 entries without issuer/
  })
  await t.rejects(grantAccess(db, entry, 'several'), { code: 'SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING' })
  await db('acl_entries').delete()
  await grantAccess(db, { ...entry, issuer: STAFF }, 'several')
  const { app, callAs } = await boot()
  callAs(ofIssuer(STAFF))
  t.equal((await app.inject('/')).statusCode, 200)
  t.same(await listed(STAFF), [{ id: 3 }])
  callAs(ofIssuer(PARTNER))
  t.equal((await app.inject('/')).statusCode, 404)
})
