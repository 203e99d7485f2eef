import type { User } from '../../store/records.ts'

/** What userinfo tells of a user. @see OpenID Connect Core 1.0 §5.1, §5.4 */
export interface UserInfo {
  readonly sub: string
  readonly preferred_username?: string
}

/**
 * The claims that the scopes of a token stand for. Roles are no claims: they are for resource servers, in access
 * tokens.
 */
export function userClaims({ id, username }: User, scopes: readonly string[]): UserInfo {
  return { sub: id, ...(scopes.includes('profile') ? { preferred_username: username } : {}) }
}
