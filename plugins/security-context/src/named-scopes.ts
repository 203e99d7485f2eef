import type { Policy, RouteAccess } from './route-access.ts'

/**
 * Every scope that a declaration of access names, in whichever alternative: what a client can need. A declaration that
 * is not sound names none; the boot refuses it elsewhere.
 */
export function namedScopes(access: RouteAccess | undefined): readonly string[] {
  return typeof access === 'object' && access !== null ? scopesOfPolicy(access) : []
}

function scopesOfPolicy(policy: Policy): readonly string[] {
  if (policy.kind === 'allOf' || policy.kind === 'anyOf') {
    return Array.isArray(policy.policies) ? policy.policies.flatMap(scopesOfPolicy) : []
  }
  return policy.kind === 'scope' && Array.isArray(policy.allOf) ? policy.allOf : []
}
