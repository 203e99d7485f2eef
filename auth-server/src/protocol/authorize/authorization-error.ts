import type { RequestParties } from '../../oauth-error.ts'
import type { ResponseTarget } from './authorization-request.ts'

/** The `error` values of authorization responses. @see RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6 */
export type AuthorizationErrorCode =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'login_required'
  | 'consent_required'
  | 'request_not_supported'

/** A refusal that the client learns through the user's browser; `reason` is the stable id for the security event. */
export class AuthorizationError extends Error {
  readonly error: AuthorizationErrorCode
  readonly reason: string
  readonly target: ResponseTarget
  /** Whom it is about, for the security event: of the redirect URI the host only, the rest may hold anything. */
  parties: RequestParties

  constructor(error: AuthorizationErrorCode, reason: string, description: string, target: ResponseTarget) {
    super(description)
    this.error = error
    this.reason = reason
    this.target = target
    this.parties = { clientId: target.clientId, detail: { error, redirectHost: hostOf(target.redirectUri) } }
  }

  /** The same refusal, of which more is known. */
  about(parties: RequestParties): this {
    this.parties = { ...parties, ...this.parties }
    return this
  }
}

/** A private-use scheme has no host: it is named instead. @see RFC 8252 §7.1 */
function hostOf(redirectUri: string): string {
  const { host, protocol } = new URL(redirectUri)
  return host === '' ? protocol : host
}
