import type { FastifyInstance } from 'fastify'
import type { Policy, RouteAccess } from '@sallyport/security-context'
import type { DeclaredRoute } from './route-policies.ts'

/** Instance decorator with the routes for the matrix. */
export const ROUTES = Symbol('sallyport.authorization.routes')

/**
 * Who may call what, as stable text: one sorted line per route with its policy. A snapshot of it in CI shows a change
 * of access in review.
 * @param fastify an instance with the authorization plugin, after `ready()`
 */
export function authorizationMatrix(fastify: FastifyInstance): string {
  const routes = fastify.getDecorator<readonly DeclaredRoute[]>(ROUTES).filter(({ method }) => method !== 'HEAD')
  const rows = routes.map(({ method, url, access }) => ({
    route: `${method} ${url}`,
    key: `${url} ${method}`,
    access: accessText(access)
  }))
  const width = Math.max(0, ...rows.map(({ route }) => route.length))
  const lines = rows
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ route, access }) => `${route.padEnd(width)}  ${access}`)
  return [...lines, ''].join('\n')
}

/** A policy on one line: `allOf(scope(orders:write), owner(customerId))`. */
export function policyText(policy: Policy): string {
  switch (policy.kind) {
    case 'role':
      return `role(${policy.anyOf.join(' | ')})`
    case 'scope':
      return `scope(${policy.allOf.join(' & ')})`
    case 'actor':
      return `actor(${policy.clientId}${issuerText(policy.issuer)})`
    case 'client':
      return `client(${policy.clientId}${issuerText(policy.issuer)})`
    case 'owner':
      return `owner(${policy.attribute}${issuerText(policy.issuer ?? policy.issuerAttribute)})`
    case 'attribute':
      return `attribute(${policy.attribute} in ${JSON.stringify(policy.anyOf)})`
    case 'acl':
      return `acl(${policy.permission} on ${policy.resourceType} ${policy.attribute})`
    default:
      return `${policy.kind}(${policy.policies.map(policyText).join(', ')})`
  }
}

const issuerText = (issuer: string | undefined): string => (issuer === undefined ? '' : ` of ${issuer}`)

/** An access declaration on one line: `public`, `authenticated` or the policy. */
export function accessText(access: RouteAccess | undefined): string {
  if (access === undefined) return 'undeclared'
  return typeof access === 'string' ? access : policyText(access)
}
