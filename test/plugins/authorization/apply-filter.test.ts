import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Knex } from 'knex'
import type { Policy, Principal } from '@sallyport/security-context'
import {
  acl,
  actor,
  allOf,
  anyOf,
  applyFilter,
  attribute,
  client,
  decide,
  grantAccess,
  owner,
  role,
  scope,
  type AclEntry,
  type FilterMapping
} from '@sallyport/authorization'
import { orderDatabase } from './support/database.ts'
import { principal } from './support/facts.ts'

interface Order {
  id: number
  customer: string | null
  customer_uuid: string | null
  restaurant: string | null
  tenant: string | null
  state: string | null
  priority: number | null
  urgent: boolean | null
}

const UUIDS = ['0b5c6a5e-8f0e-4a57-9a43-3a2f0f4b7e11', 'c56a4180-65aa-42ec-a945-5fd21dec0538']
const SUBJECTS = [
  'alice',
  'bob',
  'ALICE',
  "a'; drop table orders; --",
  '12',
  ' alice',
  '%',
  'a\0',
  '\ud800',
  '\ufffd',
  '',
  ...UUIDS,
  UUIDS[0]?.toUpperCase() ?? ''
]
const STATES = ['PLACED', 'ACCEPTED', 'placed', '', 'true', '12', '\ufffd']
const ISSUERS = ['https://issuer.test', 'https://other.test', null]
const mapping: FilterMapping = {
  columns: {
    id: { column: 'orders.id', type: 'integer' },
    customer: 'customer',
    customer_uuid: { column: 'customer_uuid', type: 'uuid' },
    restaurant: { column: 'orders.restaurant', type: 'text' },
    tenant: { column: 'tenant', type: 'integer' },
    state: 'state',
    priority: 'priority',
    urgent: 'urgent'
  }
}
const columnOf = (values: readonly unknown[], index: number): unknown => values[index % values.length]
const storable = (value: unknown): boolean =>
  typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed())

async function fill(db: Knex): Promise<AclEntry[]> {
  const customers = [...SUBJECTS.filter(storable), null]
  await db('orders').insert(
    Array.from({ length: 70 }, (_, index) => ({
      id: index,
      customer: columnOf(customers, index),
      customer_uuid: columnOf([...UUIDS, null], index),
      restaurant: columnOf(['r1', 'r2', 'bob', null, '0'], index),
      tenant: columnOf([12, 13, null, '9007199254740993'], index),
      state: columnOf([...STATES, null], index),
      priority: columnOf([0, 1, 12, -3, null, 7], index),
      urgent: columnOf([true, false, null], index)
    }))
  )
  const entries: AclEntry[] = [
    { subject: 'alice', resourceType: 'restaurant', resourceId: 'r1', permission: 'manage' },
    {
      issuer: 'https://issuer.test',
      subject: 'bob',
      resourceType: 'restaurant',
      resourceId: 'r2',
      permission: 'manage'
    },
    { issuer: 'https://other.test', subject: 'bob', resourceType: 'restaurant', resourceId: 'r1', permission: 'view' },
    { subject: UUIDS[0] ?? '', resourceType: 'order', resourceId: '7', permission: 'view' },
    { subject: '12', resourceType: 'tenant', resourceId: '9007199254740993', permission: 'view' }
  ]
  for (const entry of entries) await grantAccess(db, entry)
  return entries
}

const attributes = fc.constantFrom(
  'id',
  'customer',
  'customer_uuid',
  'restaurant',
  'tenant',
  'state',
  'priority',
  'urgent'
)
const values = fc.constantFrom(
  ...STATES,
  ...SUBJECTS,
  0,
  1,
  12,
  -3,
  13,
  true,
  false,
  null,
  '007',
  '9007199254740993',
  '99999999999999999999',
  'r1'
)
const rules: Array<fc.Arbitrary<Policy>> = [
  fc.subarray(['ADMIN', 'CUSTOMER'], { minLength: 1 }).map(names => role(...names)),
  fc.subarray(['a', 'b'], { minLength: 1 }).map(names => scope(...names)),
  fc.constantFrom('gateway', 'order-service').map(clientId => actor(clientId)),
  fc.constantFrom('gateway', 'alice').map(clientId => client(clientId)),
  attributes.map(name => owner(name)),
  fc.constantFrom('https://issuer.test', 'https://other.test').map(issuer => owner('customer', { issuer })),
  attributes.map(issuerAttribute => owner('customer', { issuerAttribute })),
  fc.constantFrom('customer', 'customer_uuid', 'state').map(name => owner(name)),
  fc.constantFrom(
    acl('restaurant', 'manage', 'restaurant'),
    acl('order', 'view', 'id'),
    acl('tenant', 'view', 'tenant')
  ),
  fc
    .tuple(attributes, fc.array(values, { minLength: 1, maxLength: 4 }))
    .map(([name, list]) => attribute(name, ...list)),
  fc
    .tuple(fc.constantFrom('restaurant', 'order', 'tenant'), fc.constantFrom('manage', 'view'), attributes)
    .map(([type, permission, name]) => acl(type, permission, name))
]
const { policy: policies } = fc.letrec<{ policy: Policy }>(tie => ({
  policy: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    ...rules.map(arbitrary => ({ arbitrary, weight: 2 })),
    { arbitrary: fc.array(tie('policy'), { minLength: 1, maxLength: 3 }).map(parts => allOf(...parts)), weight: 4 },
    { arbitrary: fc.array(tie('policy'), { minLength: 1, maxLength: 3 }).map(parts => anyOf(...parts)), weight: 6 }
  )
}))
const principals: fc.Arbitrary<Principal | null> = fc.option(
  fc
    .record({
      subject: fc.oneof(fc.constantFrom('alice', 'bob', '12', UUIDS[0] ?? ''), fc.constantFrom(...SUBJECTS)),
      issuer: fc.constantFrom(...ISSUERS),
      roles: fc.subarray(['ADMIN', 'CUSTOMER', 'COURIER']),
      scopes: fc.subarray(['a', 'b', 'a b']),
      clientId: fc.constantFrom('gateway', 'alice'),
      actor: fc.constantFrom(
        null,
        { subject: 'gateway', actor: null },
        { subject: 'x', actor: { subject: 'order-service', actor: null } }
      )
    })
    .map(principal),
  { freq: 20 }
)

t.test('Z02: the filter returns exactly the rows that decide allows, for any policy and principal', async t => {
  const { db } = await orderDatabase(t)
  const entries = await fill(db)
  const orders: Order[] = await db<Order>('orders').orderBy('id')
  let seen = 0
  await fc.assert(
    fc.asyncProperty(policies, principals, async (policy, who) => {
      const expected = orders.filter(
        order =>
          decide(policy, {
            principal: who,
            resource: { ...order },
            hasAccess: ({ resourceType, resourceId, permission }) =>
              entries.some(
                entry =>
                  entry.subject === who?.subject &&
                  (entry.issuer === undefined || entry.issuer === who.issuer) &&
                  entry.resourceType === resourceType &&
                  entry.resourceId === resourceId &&
                  entry.permission === permission
              )
          }).allowed
      )
      const rows: Order[] = await applyFilter(db('orders').orderBy('id'), policy, who, mapping)
      if (rows.length > 0 && rows.length < orders.length) seen++
      deepStrictEqual(
        rows.map(row => row.id),
        expected.map(row => row.id)
      )
    }),
    { numRuns: 600, seed: 7 }
  )
  t.ok(seen > 60, `${seen} of the filters told rows apart`)
})

t.test('the filter joins the conditions, joins and paging of the query', async t => {
  const { db } = await orderDatabase(t)
  await fill(db)
  const query = db('orders')
    .join('orders as other', 'orders.id', 'other.id')
    .where(builder => builder.where('orders.state', 'PLACED').orWhere('orders.state', 'ACCEPTED'))
  const rows = await applyFilter(query.select('orders.id').limit(2), owner('customer'), principal(), {
    columns: { customer: 'orders.customer' }
  })
  t.ok(rows.length > 0)
  const [counted] = await applyFilter(db('orders').count('* as total'), owner('customer'), principal(), mapping)
  t.equal(Number(counted?.total), (await db('orders').where('customer', 'alice')).length)
})

/** What may happen to a query: each step takes and returns a query of `orders` that shows `orders.id`. */
const steps: Readonly<Record<string, (query: Knex.QueryBuilder, db: Knex) => Knex.QueryBuilder>> = {
  where: query => query.where('orders.state', 'PLACED'),
  orWhere: query => query.orWhere('orders.id', '>', 0),
  orWhereRaw: query => query.orWhereRaw('true'),
  orWhereNull: query => query.orWhereNull('orders.customer'),
  whereNot: query => query.whereNot('orders.id', 3),
  'pending or': query => query.or,
  'pending not': query => query.not,
  clone: query => query.clone(),
  clearWhere: query => query.clearWhere(),
  clear: query => query.clear('where').clear('order'),
  subquery: (query, db) => db.select('orders.id').from(query.clone().clearOrder().as('orders')),
  'common table': (query, db) => db.with('seen', query.clone()).select('orders.id').from('seen as orders'),
  join: query => query.leftJoin('orders as other', 'other.id', 'orders.id'),
  grouping: query => query.groupBy('orders.id'),
  having: query => query.orHavingRaw('true'),
  order: query => query.orderBy('orders.id', 'desc'),
  page: query => query.limit(20).offset(1)
}
const chains = fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 7 })

t.test('no chain of conditions, copies, subqueries, counts and pages shows a row that the policy forbids', async t => {
  const { db } = await orderDatabase(t)
  await fill(db)
  const orders: Order[] = await db<Order>('orders')
  const policy = owner('customer')
  const allowed = new Set(
    orders
      .filter(order => decide(policy, { principal: principal(), resource: { ...order } }).allowed)
      .map(({ id }) => id)
  )
  const mapping: FilterMapping = { columns: { customer: 'orders.customer' } }
  let shown = 0
  let run = 0
  await fc.assert(
    fc.asyncProperty(chains, chains, fc.boolean(), async (before, after, counts) => {
      const plain = before.filter(name => name !== 'subquery' && name !== 'common table')
      const start = plain.reduce<Knex.QueryBuilder>(
        (query, name) => steps[name]!(query, db),
        db('orders').select('orders.id')
      )
      const query = after.reduce<Knex.QueryBuilder>(
        (query, name) => steps[name]!(query, db),
        applyFilter(start, policy, principal(), mapping)
      )
      // What makes no sense in SQL shows nothing.
      const rows: Array<{ id: number }> = await query.clone().catch(() => [])
      if (rows.length > 0) run++
      shown += rows.length
      deepStrictEqual(
        rows.filter(({ id }) => !allowed.has(id)),
        []
      )
      if (!counts) return
      const counted: Array<Record<string, unknown>> = await db
        .count('* as total')
        .from(query.clone().as('counted'))
        .catch(() => [])
      if (counted.length > 0) deepStrictEqual(Number(counted[0]?.total), rows.length)
      const nested: Array<{ id: number }> = await db('orders')
        .select('id')
        .whereIn('id', query.clone())
        .catch(() => [])
      deepStrictEqual(
        nested.filter(({ id }) => !allowed.has(id)),
        []
      )
    }),
    { numRuns: 400, seed: 11 }
  )
  t.ok(run > 200 && shown > 500, `${run} of the chains showed ${shown} rows`)
})

t.test('what would take the filter out of a query, or put rows beside it, is refused, on copies too', async t => {
  const { db } = await orderDatabase(t)
  const filtered = (query: Knex.QueryBuilder): Knex.QueryBuilder =>
    applyFilter(query, owner('customer'), principal(), mapping)
  const refused = { code: 'SALLYPORT_AUTHORIZATION_FILTER_INVALID' }
  for (const query of [filtered(db('orders')), filtered(db('orders')).clone().clone()]) {
    t.throws(() => query.from('orders'), refused, 'another table')
    t.throws(() => query.table('orders'), refused, 'another table by its other name')
    t.throws(() => query.fromRaw('orders'), refused, 'another table, raw')
    t.throws(() => query.withSchema('public'), refused, 'another schema')
    t.throws(() => query.unionAll(db('orders')), refused, 'a union')
    t.throws(() => query.update({ state: 'X' }), refused, 'a change')
    t.throws(() => query.del(), refused, 'a deletion')
    t.throws(() => query.increment('priority'), refused, 'a counter')
    t.throws(() => query.truncate(), refused, 'a truncation')
  }
  t.throws(() => filtered(db('orders').union(db('orders'))), refused, 'a union before')
  t.throws(() => filtered(db('orders').update({ state: 'X' })), refused, 'a change before')
  t.throws(() => filtered(db.from(db('orders').as('orders'))), refused, 'a query of a query')
  t.throws(() => filtered(db.from(db.raw('orders'))), refused, 'raw SQL')
  t.throws(() => filtered(db.select(db.raw('1'))), refused, 'no table')
})

t.test('a table keeps its name, its alias and its schema', async t => {
  const { db } = await orderDatabase(t)
  await fill(db)
  const visible = (await db('orders').where('customer', 'alice')).length
  const countOf = async (query: Knex.QueryBuilder, column: string): Promise<number> =>
    (await applyFilter(query, owner('customer'), principal(), { columns: { customer: column } })).length
  t.equal(await countOf(db('orders as o').select('o.id'), 'o.customer'), visible)
  t.equal(await countOf(db({ o: 'orders' }).select('o.id'), 'o.customer'), visible)
  t.equal(await countOf(db('public.orders').select('orders.id'), 'customer'), visible)
  t.equal(await countOf(db('orders').withSchema('public').select('orders.id'), 'customer'), visible)
})

t.test('an attribute without column and an unsound policy are refused, also where a role would decide', async t => {
  const { db } = await orderDatabase(t)
  const admin = principal({ roles: ['ADMIN'] })
  t.throws(() => applyFilter(db('orders'), anyOf(role('ADMIN'), owner('missing')), admin, mapping), {
    code: 'SALLYPORT_AUTHORIZATION_FILTER_INVALID',
    message: /missing/
  })
  t.throws(() => applyFilter(db('orders'), anyOf(role('ADMIN'), allOf()), admin, mapping), {
    code: 'SALLYPORT_AUTHORIZATION_POLICY_INVALID',
    message: /policy\.anyOf\.1\.allOf is empty/
  })
})
