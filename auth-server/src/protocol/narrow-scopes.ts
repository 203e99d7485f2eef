import { invalidScope, invalidTarget } from '../oauth-error.ts'
import type { Store } from '../store/contract.ts'
import { parseScopes } from '../tokens/access-token-claims.ts'

/**
 * Scopes that say how to answer and belong to no audience: an id token, the user's name in it. A client needs them in
 * its registration; no role does.
 * @see OpenID Connect Core 1.0 §3.1.2.1, §5.4
 */
export const PROTOCOL_SCOPES: readonly string[] = ['openid', 'profile']

/** Whether a scope belongs to no audience. */
export const isProtocolScope = (scope: string): boolean => PROTOCOL_SCOPES.includes(scope)

/**
 * What is asked for, out of what may be asked for: everything when nothing is asked for.
 * @param requested the `scope` parameter
 * @throws {OAuthError} `invalid_scope` when something else is asked for
 * @see RFC 6749 §3.3
 */
export function requestedScopes(requested: string | undefined, allowed: readonly string[]): readonly string[] {
  if (requested === undefined) return allowed
  const names = [...new Set(parseScopes(requested))]
  if (!names.every(name => allowed.includes(name))) throw invalidScope('scope-not-allowed')
  return names
}

/** Narrows scopes to those of an audience that these roles qualify for, in the order given. */
export type NarrowScopes = (scopes: readonly string[], roles: readonly string[] | null) => readonly string[]

/**
 * Reads the scopes of an audience and makes the function that narrows others to them. The roles are `null` for a client
 * on its own behalf: an administrator gave it its scopes by name.
 * Disabled scopes are not there.
 * @throws {OAuthError} `invalid_target` for an audience that is not there or disabled
 * @param kept scopes that stay whatever the roles: {@link PROTOCOL_SCOPES} where a user has signed in here
 */
export async function scopesAtAudience(
  store: Pick<Store, 'audiences' | 'scopes'>,
  audience: string,
  kept: readonly string[] = []
): Promise<NarrowScopes> {
  const [found, scopes] = await Promise.all([store.audiences.find(audience), store.scopes.ofAudience(audience)])
  if (found === null || found.disabledAtMs !== null) {
    throw invalidTarget(found === null ? 'audience-unknown' : 'audience-disabled')
  }
  const requiredRoles = new Map(
    scopes.filter(({ disabledAtMs }) => disabledAtMs === null).map(({ name, requiredRole }) => [name, requiredRole])
  )
  return (wanted, roles) =>
    wanted.filter(scope => {
      if (kept.includes(scope)) return true
      const requiredRole = requiredRoles.get(scope)
      return requiredRole !== undefined && (roles === null || requiredRole === null || roles.includes(requiredRole))
    })
}
