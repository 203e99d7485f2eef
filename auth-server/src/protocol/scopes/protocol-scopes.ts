/**
 * Scopes that say how to answer and belong to no audience: an id token, the user's name in it. A client needs them in
 * its registration; no role does.
 * @see OpenID Connect Core 1.0 §3.1.2.1, §5.4
 */
export const PROTOCOL_SCOPES: readonly string[] = ['openid', 'profile']

/** Whether a scope belongs to no audience. */
export const isProtocolScope = (scope: string): boolean => PROTOCOL_SCOPES.includes(scope)
