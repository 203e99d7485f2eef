import type { Policy, RouteAccess } from '@sallyport/security-context'
import type { RouteTableOptions } from '../table-options.ts'
import type { GatewayDocument } from './gateway-schema.ts'

type DocumentRoute = GatewayDocument['routes'][number]

/** The options that a document without mistakes stands for. */
export function tableOfDocument({ defaults = {}, upstreams, shedding, routes }: GatewayDocument): RouteTableOptions {
  return {
    defaults,
    upstreams,
    ...(shedding !== undefined && { shedding }),
    routes: routes.map(route => ({ ...route, access: accessPolicy(route.access) }))
  }
}

/** Every one of the scopes and at least one of the roles. */
export function accessPolicy(access: DocumentRoute['access']): RouteAccess {
  if (typeof access === 'string') return access
  const { scopes, roles } = access
  const policies: Policy[] = [
    ...(roles === undefined ? [] : [{ kind: 'role' as const, anyOf: roles }]),
    ...(scopes === undefined ? [] : [{ kind: 'scope' as const, allOf: scopes }])
  ]
  const [only] = policies
  return policies.length === 1 && only !== undefined ? only : { kind: 'allOf', policies }
}
