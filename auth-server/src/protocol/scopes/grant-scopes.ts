import { invalidScope } from '../../oauth-error.ts'
import type { Scope } from '../../store/records.ts'
import { scopesOf } from '../../tokens/access-token-claims.ts'

/**
 * The scopes that a user's roles qualify for at an audience.
 * @param roles the user's roles; `null` for a client on its own behalf, which an administrator gave its scopes by name
 */
export function qualifiedScopes(
  scopesOfAudience: readonly Scope[],
  roles: readonly string[] | null
): readonly string[] {
  return scopesOfAudience
    .filter(({ requiredRole }) => roles === null || requiredRole === null || roles.includes(requiredRole))
    .map(({ name }) => name)
}

/**
 * What is asked for, out of what may be asked for: everything when nothing is asked for.
 * @param requested the `scope` parameter
 * @throws {OAuthError} `invalid_scope` when something else is asked for
 * @see RFC 6749 §3.3
 */
export function requestedScopes(requested: string | undefined, allowed: readonly string[]): readonly string[] {
  if (requested === undefined) return allowed
  const names = [...new Set(scopesOf(requested))]
  if (!names.every(name => allowed.includes(name))) throw invalidScope('scope-not-allowed')
  return names
}
