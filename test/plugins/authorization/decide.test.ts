import t from 'tap'
import type { Policy } from '@sallyport/security-context'
import {
  acl,
  actor,
  allOf,
  anyOf,
  attribute,
  client,
  decide,
  evaluate,
  owner,
  role,
  scope,
  type Facts
} from '@sallyport/authorization'
import { principal } from './support/facts.ts'

const order = { id: 7, customer: 'alice', restaurant: 'r1', state: 'PLACED', paid: true, tenant: '12', nothing: null }

t.test('each rule allows what it names and refuses everything else with its reason', async t => {
  const cases: Array<[string, Policy, Facts, string]> = [
    [
      'a role that the principal has',
      role('ADMIN', 'SUPPORT'),
      { principal: principal({ roles: ['SUPPORT'] }) },
      'allowed'
    ],
    ['a role that it has not', role('ADMIN'), { principal: principal({ roles: ['CUSTOMER'] }) }, 'role-missing'],
    ['every scope', scope('a', 'b'), { principal: principal({ scopes: ['b', 'a', 'c'] }) }, 'allowed'],
    ['one of two scopes', scope('a', 'b'), { principal: principal({ scopes: ['a'] }) }, 'scope-missing'],
    [
      'the acting client',
      actor('order-service'),
      { principal: principal({ actor: { subject: 'order-service', actor: null } }) },
      'allowed'
    ],
    [
      'another acting client',
      actor('order-service'),
      { principal: principal({ actor: { subject: 'gateway', actor: null } }) },
      'actor-mismatch'
    ],
    [
      'an earlier actor of the chain',
      actor('order-service'),
      { principal: principal({ actor: { subject: 'gateway', actor: { subject: 'order-service', actor: null } } }) },
      'actor-mismatch'
    ],
    [
      'a token that was not exchanged',
      actor('order-service'),
      { principal: principal({ clientId: 'order-service', subject: 'order-service' }) },
      'actor-mismatch'
    ],
    [
      'the client itself',
      client('order-service'),
      { principal: principal({ clientId: 'order-service', subject: 'order-service' }) },
      'allowed'
    ],
    [
      'another client itself',
      client('order-service'),
      { principal: principal({ clientId: 'gateway', subject: 'gateway' }) },
      'client-mismatch'
    ],
    [
      'a user’s token of the client',
      client('order-service'),
      { principal: principal({ clientId: 'order-service' }) },
      'client-mismatch'
    ],
    [
      'a user who is called like the client',
      client('order-service'),
      { principal: principal({ subject: 'order-service' }) },
      'client-mismatch'
    ],
    [
      'the client for which another acts',
      client('order-service'),
      {
        principal: principal({
          clientId: 'order-service',
          subject: 'order-service',
          actor: { subject: 'gateway', actor: null }
        })
      },
      'client-mismatch'
    ],
    [
      'the client’s name in a session',
      client('order-service'),
      { principal: principal({ clientId: 'order-service', subject: 'order-service', sessionId: 's1' }) },
      'client-mismatch'
    ],
    ['the owner', owner('customer'), { principal: principal(), resource: order }, 'allowed'],
    ['a stranger', owner('customer'), { principal: principal({ subject: 'bob' }), resource: order }, 'not-owner'],
    [
      'an owner attribute that the resource does not have',
      owner('missing'),
      { principal: principal({ subject: 'undefined' }), resource: order },
      'not-owner'
    ],
    [
      'an owner attribute that is null',
      owner('nothing'),
      { principal: principal({ subject: 'null' }), resource: order },
      'not-owner'
    ],
    [
      'an empty subject on a resource without owner',
      owner('customer'),
      { principal: principal({ subject: '' }), resource: { customer: '' } },
      'not-owner'
    ],
    ['no resource', owner('customer'), { principal: principal() }, 'resource-required'],
    [
      'an attribute value',
      attribute('state', 'ACCEPTED', 'PLACED'),
      { principal: principal(), resource: order },
      'allowed'
    ],
    [
      'another attribute value',
      attribute('state', 'ACCEPTED'),
      { principal: principal(), resource: order },
      'attribute-mismatch'
    ],
    [
      'a bigint column, which arrives as a string',
      attribute('tenant', 12),
      { principal: principal(), resource: order },
      'allowed'
    ],
    ['a boolean', attribute('paid', true), { principal: principal(), resource: order }, 'allowed'],
    ['null where null is named', attribute('nothing', null), { principal: principal(), resource: order }, 'allowed'],
    [
      'null for an attribute that is not there',
      attribute('missing', null),
      { principal: principal(), resource: order },
      'attribute-mismatch'
    ],
    [
      'an ACL entry',
      acl('restaurant', 'manage', 'restaurant'),
      {
        principal: principal(),
        resource: order,
        hasAccess: question =>
          question.resourceType === 'restaurant' && question.resourceId === 'r1' && question.permission === 'manage'
      },
      'allowed'
    ],
    [
      'no ACL entry',
      acl('restaurant', 'manage', 'restaurant'),
      { principal: principal(), resource: order, hasAccess: () => false },
      'no-acl-entry'
    ],
    [
      'a resource without id for the ACL',
      acl('restaurant', 'manage', 'nothing'),
      { principal: principal(), resource: order, hasAccess: () => true },
      'no-acl-entry'
    ],
    [
      'no answers of the ACL',
      acl('restaurant', 'manage', 'restaurant'),
      { principal: principal(), resource: order },
      'acl-required'
    ],
    ['nobody', attribute('state', 'PLACED'), { principal: null, resource: order }, 'unauthenticated']
  ]
  for (const [title, policy, facts, reason] of cases) {
    const decision = decide(policy, facts)
    t.equal(decision.reason, reason, title)
    t.equal(decision.allowed, reason === 'allowed', title)
  }
})

t.test(
  'Z04: a scope is one exact token; substrings, other cases, joined strings and plain strings grant nothing',
  async t => {
    const wanted = scope('orders:write')
    t.equal(decide(wanted, { principal: principal({ scopes: ['orders:write'] }) }).allowed, true)
    const lists: unknown[] = [
      ['orders:writeX'],
      ['orders:writ'],
      ['Orders:Write'],
      ['orders:read orders:write'],
      [' orders:write'],
      [['orders:write']],
      'orders:write',
      'orders:read orders:write',
      { 0: 'orders:write' },
      null,
      undefined
    ]
    for (const scopes of lists) {
      t.equal(
        decide(wanted, { principal: principal({ scopes: scopes as string[] }) }).reason,
        'scope-missing',
        JSON.stringify(scopes)
      )
      t.equal(
        decide(role('orders:write'), { principal: principal({ roles: scopes as string[] }) }).allowed,
        scopes !== null && JSON.stringify(scopes) === '["orders:write"]'
      )
    }
  }
)

t.test('Z05: scope, role and resource are needed together', async t => {
  const policy = allOf(scope('orders:write'), role('CUSTOMER'), owner('customer'))
  const missing: string[] = []
  for (const scopes of [['orders:write'], []]) {
    for (const roles of [['CUSTOMER'], []]) {
      for (const subject of ['alice', 'bob']) {
        missing.push(decide(policy, { principal: principal({ scopes, roles, subject }), resource: order }).reason)
      }
    }
  }
  t.strictSame(missing, [
    'allowed',
    'not-owner',
    'role-missing',
    'role-missing',
    'scope-missing',
    'scope-missing',
    'scope-missing',
    'scope-missing'
  ])
})

t.test('a policy that says nothing allows nobody', async t => {
  const facts: Facts = {
    principal: principal({ roles: ['ADMIN'], scopes: ['a'] }),
    resource: order,
    hasAccess: () => true
  }
  const empty: unknown[] = [allOf(), anyOf(), scope(), role(), attribute('state'), { kind: 'everyone' }]
  for (const policy of empty) {
    const decision = decide(policy as Policy, facts)
    t.equal(decision.allowed, false, JSON.stringify(policy))
    t.equal(evaluate(policy as Policy, facts), 'denied', JSON.stringify(policy))
  }
})

t.test('what cannot be decided yet is undecided, and what the known facts decide is decided early', async t => {
  const policy = allOf(scope('orders:write'), anyOf(role('ADMIN'), owner('customer')))
  t.equal(evaluate(policy, { principal: principal({ scopes: ['orders:write'] }) }), 'undecided')
  t.equal(evaluate(policy, { principal: principal({ scopes: ['orders:write'], roles: ['ADMIN'] }) }), 'allowed')
  t.equal(evaluate(policy, { principal: principal({ roles: ['ADMIN'] }) }), 'denied')
  t.equal(
    decide(allOf(owner('customer'), role('ADMIN')), { principal: principal() }).reason,
    'role-missing',
    'the part that denies, not the one that is open'
  )
})

t.test('a denial names the nearest missing fact, and the tree tells how every rule came out', async t => {
  const policy = allOf(
    scope('orders:write'),
    anyOf(role('ADMIN'), allOf(role('COURIER'), attribute('state', 'READY')), owner('customer'))
  )
  const decision = decide(policy, {
    principal: principal({ subject: 'bob', scopes: ['orders:write'] }),
    resource: order
  })
  t.match(decision.nearest, {
    rule: 'allOf.1.anyOf.2.owner',
    reason: 'not-owner',
    missing: 'subject in resource.customer'
  })
  const outcomes: string[] = []
  const walk = (node: typeof decision.explanation): void => {
    outcomes.push(`${node.rule} ${node.outcome} ${node.reason}: ${String(node.missing)}`)
    node.parts.forEach(walk)
  }
  walk(decision.explanation)
  t.strictSame(outcomes, [
    'allOf denied not-owner: subject in resource.customer',
    'allOf.0.scope allowed allowed: null',
    'allOf.1.anyOf denied not-owner: subject in resource.customer',
    'allOf.1.anyOf.0.role denied role-missing: role ADMIN',
    'allOf.1.anyOf.1.allOf denied role-missing: role COURIER',
    'allOf.1.anyOf.1.allOf.0.role denied role-missing: role COURIER',
    'allOf.1.anyOf.1.allOf.1.attribute denied attribute-mismatch: resource.state in ["READY"]',
    'allOf.1.anyOf.2.owner denied not-owner: subject in resource.customer'
  ])
})

t.test('the fewest missing facts are the nearest', async t => {
  const policy = anyOf(allOf(role('A'), owner('customer')), scope('one'))
  t.equal(decide(policy, { principal: principal({ subject: 'bob' }), resource: order }).reason, 'scope-missing')
  t.equal(
    decide(policy, { principal: principal({ subject: 'bob', roles: ['A'] }), resource: order }).reason,
    'not-owner'
  )
})
