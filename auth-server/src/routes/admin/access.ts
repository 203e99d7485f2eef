import type { Policy } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import { InsufficientScopeError } from '../../errors.ts'

/** Administration needs the scope and, still, the role: a token keeps no right that its user has lost. */
export const ADMIN_ACCESS: Policy = { kind: 'allOf', policies: [{ kind: 'scope', allOf: ['admin'] }, { kind: 'role', anyOf: ['ADMIN'] }] }

/** Refuses whoever is no administrator. Register it after authentication. */
export function requireAdministrator (fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async function refuseOthers (request) {
    const { principal } = request
    if (principal !== null && principal.scopes.includes('admin') && principal.roles.includes('ADMIN')) return
    request.securityEvents.push({ stage: 'authorization', outcome: 'denied', reason: 'not-an-administrator' })
    throw Object.assign(new InsufficientScopeError(), { headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="admin"' } })
  })
}
