import type { ResponseTarget } from './authorization-request.ts'

/** The `error` values of authorization responses. @see RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6 */
export type AuthorizationErrorCode =
  'invalid_request' | 'unauthorized_client' | 'access_denied' | 'unsupported_response_type' | 'invalid_scope' | 'login_required' | 'consent_required' |
  'request_not_supported'

/** A refusal that the client learns through the user's browser; `reason` is the stable id for the security event. */
export class AuthorizationError extends Error {
  readonly error: AuthorizationErrorCode
  readonly reason: string
  readonly target: ResponseTarget

  constructor (error: AuthorizationErrorCode, reason: string, description: string, target: ResponseTarget) {
    super(description)
    this.error = error
    this.reason = reason
    this.target = target
  }
}
