import type { RouteAccess, StepUp } from '@sallyport/security-context'
import type { ForwardedRouteOptions } from '../../route-options.ts'

/** What a route asks of a caller. */
export type AskedOfCaller = Pick<ForwardedRouteOptions, 'access' | 'strategies' | 'stepUp'>

/** What a route may ask less than another one, by the members of a route. */
export const ASKED_MEMBERS = ['access', 'strategies', 'stepUp'] as const

/**
 * The members by which one route asks less of a caller than another one does. What cannot be compared, a policy that no
 * document has, counts as less.
 */
export function membersThatAskLess(route: AskedOfCaller, other: AskedOfCaller): ReadonlyArray<keyof AskedOfCaller> {
  const asksEnough = {
    access: accessAsksAtLeast(route.access, other.access),
    // Who needs to prove nothing in the other one is asked for no strategy there.
    strategies: other.access === 'public' || isSubset(route.strategies, other.strategies),
    stepUp: stepUpAsksAtLeast(route.stepUp, other.stepUp)
  }
  return ASKED_MEMBERS.filter(member => !asksEnough[member])
}

/** Whether everybody who may pass by one access may pass by the other one. */
export function accessAsksAtLeast(access: RouteAccess, other: RouteAccess): boolean {
  if (other === 'public') return true
  if (access === 'public') return false
  if (other === 'authenticated') return true
  if (access === 'authenticated') return false
  const [own, others] = [conditionsOf(access), conditionsOf(other)]
  if (own === null || others === null) return false
  return (
    others.scopes.every(scope => own.scopes.includes(scope)) &&
    others.roles.every(roles => own.roles.some(each => isSubset(each, roles)))
  )
}

/** A policy of a document: all of the scopes, and one of each list of roles. */
interface AccessConditions {
  readonly scopes: readonly string[]
  readonly roles: ReadonlyArray<readonly string[]>
}

/** `null` for a policy that is not one of a document. */
function conditionsOf(access: Exclude<RouteAccess, string>): AccessConditions | null {
  switch (access.kind) {
    case 'scope':
      return { scopes: access.allOf, roles: [] }
    case 'role':
      return { scopes: [], roles: [access.anyOf] }
    case 'allOf': {
      const parts = access.policies.map(conditionsOf)
      if (parts.length === 0 || !parts.every(part => part !== null)) return null
      return { scopes: parts.flatMap(({ scopes }) => scopes), roles: parts.flatMap(({ roles }) => roles) }
    }
    default:
      return null
  }
}

function stepUpAsksAtLeast(stepUp: StepUp | undefined, other: StepUp | undefined): boolean {
  if (other === undefined) return true
  const { maxAgeSeconds = Infinity, acr } = stepUp ?? {}
  return maxAgeSeconds <= (other.maxAgeSeconds ?? Infinity) && isSubset(acr, other.acr)
}

/** A list that is left out stands for everything. */
function isSubset(list: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return other === undefined || (list !== undefined && list.every(item => other.includes(item)))
}
