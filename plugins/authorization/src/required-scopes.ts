import type { Policy } from '@sallyport/security-context'

/**
 * The scopes that a token needs for a policy, for a description of the route: the alternatives, each with the scopes that
 * it needs together. An alternative without scopes rests on other rules.
 */
export function requiredScopes (policy: Policy): ReadonlyArray<readonly string[]> {
  switch (policy.kind) {
    case 'scope': return [[...new Set(policy.allOf)].toSorted()]
    case 'allOf': return distinct(policy.policies.map(requiredScopes).reduce<ReadonlyArray<readonly string[]>>(together, [[]]))
    case 'anyOf': return distinct(policy.policies.flatMap(requiredScopes))
    default: return [[]]
  }
}

/** Each alternative of one part with each of the other. */
function together (some: ReadonlyArray<readonly string[]>, others: ReadonlyArray<readonly string[]>): ReadonlyArray<readonly string[]> {
  return some.flatMap(one => others.map(other => [...new Set([...one, ...other])].toSorted()))
}

function distinct (alternatives: ReadonlyArray<readonly string[]>): ReadonlyArray<readonly string[]> {
  return [...new Map(alternatives.map(scopes => [scopes.join(' '), scopes])).values()]
}
