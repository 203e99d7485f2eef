import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import type { AppClaims, Policy, Principal, SecurityEvent } from '@sallyport/security-context'

declare module '@sallyport/security-context' {
  interface AppClaims {
    tenant: string
  }
}

declare const fastify: FastifyInstance

test('a route declares who may call it', () => {
  expect(fastify.get).type.toBeCallableWith('/', { config: { access: 'public', audit: 'none' } }, async () => 'x')
  expect(fastify.get).type.not.toBeCallableWith('/', { config: { access: 'everybody' } }, async () => 'x')
})

test('a request carries the principal and its events', () => {
  fastify.get('/', async request => {
    expect(request.principal).type.toBe<Principal | null>()
    expect(request.securityEvents).type.toBe<SecurityEvent[]>()
  })
})

test('a policy is one of the known kinds', () => {
  expect<Policy>().type.toBeAssignableFrom<{ kind: 'role'; anyOf: string[] }>()
  expect<Policy>().type.not.toBeAssignableFrom<{ kind: 'anything' }>()
})

test('an app adds its own claims', () => {
  expect<AppClaims['tenant']>().type.toBe<string>()
  expect<Principal['claims']['tenant']>().type.toBe<string | undefined>()
})
