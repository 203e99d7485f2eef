import type { Policy } from '@sallyport/security-context'

/** Alternatives, each with the scopes that it needs together. */
type Alternatives = ReadonlyArray<readonly string[]>

/**
 * The scopes that a token needs for a policy, for a description of the route: the alternatives, each with the scopes
 * that it needs together. An alternative without scopes consists of other rules.
 */
export function requiredScopes(policy: Policy): Alternatives {
  switch (policy.kind) {
    case 'scope':
      return [[...new Set(policy.allOf)].toSorted()]
    case 'allOf':
      return distinct(policy.policies.map(requiredScopes).reduce<Alternatives>(together, [[]]))
    case 'anyOf':
      return distinct(policy.policies.flatMap(requiredScopes))
    default:
      return [[]]
  }
}

/** Each alternative of one part with each of the other. */
function together(some: Alternatives, others: Alternatives): Alternatives {
  return some.flatMap(one => others.map(other => [...new Set([...one, ...other])].toSorted()))
}

function distinct(alternatives: Alternatives): Alternatives {
  return [...new Map(alternatives.map(scopes => [scopes.join(' '), scopes])).values()]
}
