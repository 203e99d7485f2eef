import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'
import { expect, test } from 'tstyche'
import { allOf, applyFilter, decide, owner, role, type Decision } from '@sallyport/authorization'
import { requirePrincipal, type Policy, type Principal, type Resource } from '@sallyport/security-context'

interface Order {
  id: number
  customer: string
}

test('policies are plain data of the shared type', () => {
  expect(allOf(role('ADMIN'), owner('customer'))).type.toBe<Policy>()
  expect(allOf).type.not.toBeCallableWith('ADMIN')
  expect(role).type.not.toBeCallableWith(1)
  expect(decide(role('ADMIN'), { principal: null })).type.toBe<Decision>()
})

test('a filtered query keeps its type', () => {
  const query = {} as Knex.QueryBuilder<Order, Order[]>
  expect(applyFilter(query, owner('customer'), null, { columns: { customer: 'customer' } })).type.toBe<
    Knex.QueryBuilder<Order, Order[]>
  >()
  const request = {} as FastifyRequest
  expect(
    request.visible(query, owner('customer'), { columns: { customer: { column: 'customer', type: 'uuid' } } })
  ).type.toBe<Knex.QueryBuilder<Order, Order[]>>()
  expect(request.resource).type.toBe<Resource | null>()
  expect(request.authorize(role('ADMIN'))).type.toBe<Promise<void>>()
})

test('a row that an interface describes is a resource, a promise of one is not', () => {
  const request = {} as FastifyRequest
  expect(request.authorize).type.toBeCallableWith(owner('customer'), {} as Order)
  expect(request.authorize).type.not.toBeCallableWith(owner('customer'), {} as Promise<Order>)
  expect(request.authorize).type.not.toBeCallableWith(owner('customer'), 'order-1')
  expect(decide(owner('customer'), { principal: null, resource: {} as Order })).type.toBe<Decision>()
})

test('the principal of a protected route is not nullable', () => {
  expect(requirePrincipal({} as FastifyRequest)).type.toBe<Principal>()
})
