import { retryAfter } from '@sallyport/security-context/mechanics'
import createError from '@fastify/error'
import type { StepUp } from '@sallyport/security-context'
import type { LoginRefusedReason, LogoutTokenRefusedReason } from './login/login-refused-reason.ts'
import type { DpopProofReason } from './dpop/verify-proof.ts'

export { isSallyportError } from './failure-kinds.ts'

/** Boot: the options are not valid; the message lists every mistake. */
export const AuthenticationOptionsError = createError(
  'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
  'Authentication options: %s',
  500
)

/** Request: a route that needs a caller was called without credentials. */
export const CredentialsRequiredError = createError('SALLYPORT_AUTHENTICATION_REQUIRED', 'Authentication required', 401)

/** Request: more than one Authorization header. */
export const AmbiguousCredentialsError = createError(
  'SALLYPORT_AUTHENTICATION_AMBIGUOUS',
  'More than one credential',
  400
)

const TokenError = createError<[]>('SALLYPORT_AUTHENTICATION_TOKEN_INVALID', 'The access token is not valid', 401)

/**
 * Request: the token is not accepted. Why is in `reason`, for the security event only: the caller is not told.
 * @see RFC 6750 §3.1 (`invalid_token`)
 */
export class InvalidTokenError extends TokenError {
  readonly reason: InvalidTokenReason
  constructor(reason: InvalidTokenReason, options?: ErrorOptions) {
    super()
    this.reason = reason
    if (options?.cause !== undefined) this.cause = options.cause
  }
}

/** Why a token was refused: the stable reasons of the security event. */
export type InvalidTokenReason =
  | 'token-too-large'
  | 'token-malformed'
  | 'token-type-mismatch'
  | 'algorithm-not-allowed'
  | 'critical-header-unknown'
  | 'key-unknown'
  | 'key-algorithm-mismatch'
  | 'signature-invalid'
  | 'issuer-mismatch'
  | 'audience-mismatch'
  | 'token-expired'
  | 'token-not-yet-valid'
  | 'claim-missing'
  | 'claim-invalid'
  | 'confirmation-unproven'
  | 'token-revoked'
  | 'token-inactive'
  | 'certificate-mismatch'
  | 'token-not-bound'

const ProofError = createError<[]>('SALLYPORT_AUTHENTICATION_PROOF_INVALID', 'The DPoP proof is not valid', 401)

/** Request: the DPoP proof that came with the token is not accepted. Why is in `reason`. @see RFC 9449 §7.1 */
export class InvalidProofError extends ProofError {
  readonly reason: DpopProofReason
  constructor(reason: DpopProofReason) {
    super()
    this.reason = reason
  }
}

const RETRY_AFTER = retryAfter()

/** Request: no verification keys: the JWKS was never seen, or is older than the allowed staleness. */
export class KeysUnavailableError extends createError<[]>(
  'SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE',
  'Tokens cannot be verified now',
  503
) {
  readonly headers = RETRY_AFTER
}

/** Request: the status list of the token was never seen, or is older than the allowed staleness. */
export class StatusUnavailableError extends createError<[]>(
  'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE',
  'Tokens cannot be verified now',
  503
) {
  readonly headers = RETRY_AFTER
}

/** Request: the introspection endpoint does not answer. */
export class IntrospectionUnavailableError extends createError<[]>(
  'SALLYPORT_AUTHENTICATION_INTROSPECTION_UNAVAILABLE',
  'Tokens cannot be verified now',
  503
) {
  readonly headers = RETRY_AFTER
}

/** Request: the Basic credentials are malformed, unknown or wrong; which of them is not told. @see RFC 7617 §2 */
export const BasicRejectedError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_BASIC_REJECTED',
  'The credentials are not valid',
  401
)

/** Request: username and password of a login are not valid; an unknown user and a wrong password are the same. */
export const LoginRejectedError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_LOGIN_REJECTED',
  'The credentials are not valid',
  401
)

/**
 * Request: a session cookie is not unsealed: altered, truncated, moved, or sealed with a key that is gone, or two are
 * of different sessions. The cookies are cleared.
 */
export const CookieInvalidError = createError(
  'SALLYPORT_AUTHENTICATION_COOKIE_INVALID',
  'The session is not valid',
  401
)

/** Request: the session is over: logged out, revoked or expired. The cookies are cleared. */
export const SessionEndedError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_SESSION_ENDED',
  'The session has ended',
  401
)

/** Request: two cookies of one name: one of them was tossed in by somebody else, and nobody can tell which. */
export const CookieDuplicatedError = createError(
  'SALLYPORT_AUTHENTICATION_COOKIE_DUPLICATED',
  'A session cookie was sent more than once',
  400
)

/**
 * Request: an unsafe method or upgrade by cookie that does not provably come from this origin, or by Basic from a
 * foreign page.
 */
export const CsrfRefusedError = createError('SALLYPORT_AUTHENTICATION_CSRF_REFUSED', 'Cross-site request refused', 403)

/** Request: a login from a page of another origin. */
export const ForeignOriginError = createError(
  'SALLYPORT_AUTHENTICATION_ORIGIN_FOREIGN',
  'Cross-site request refused',
  403
)

/** Request: a browser asked for tokens in the body, where scripts could read them. */
export const BodyTokensRefusedError = createError(
  'SALLYPORT_AUTHENTICATION_BODY_TOKENS_REFUSED',
  'Browsers keep their session in cookies',
  403
)

/** Request: a field of the login or refresh form is not acceptable text (NUL, lone surrogate) or comes twice. */
export const FormInvalidError = createError('SALLYPORT_AUTHENTICATION_FORM_INVALID', 'The form is not valid', 400)

/** Request: the caller has no session with this id. */
export const SessionNotFoundError = createError('SALLYPORT_AUTHENTICATION_SESSION_NOT_FOUND', 'Not Found', 404)

/** Request: the route works on behalf of an access token, and the caller was authenticated without one. */
export const AccessTokenMissingError = createError(
  'SALLYPORT_AUTHENTICATION_ACCESS_TOKEN_MISSING',
  'This needs an access token',
  403
)

/** Request: a token is too large for the cookies that browsers keep; operators shorten the token's claims. */
export const CookieTooLargeError = createError<[string, number, number]>(
  'SALLYPORT_AUTHENTICATION_COOKIE_TOO_LARGE',
  'Cookie %s needs %d bytes, at most %d fit',
  500
)

/** Request: too many tries at the authorization server; `Retry-After` says when the next one may succeed. */
export const ThrottledError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_THROTTLED',
  'Too many requests, try again later',
  429
)

/** Request: the authorization server gave no usable answer: an outage, never taken for a refusal. */
export const ServerUnavailableError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE',
  'The authorization server is not available',
  503
)

/** Request: the store of the sessions gave no answer: nobody is logged out because of it. */
export const SessionStoreUnavailableError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_STORE_UNAVAILABLE',
  'The sessions are not available',
  503
)

/** Request: the app wants to keep more with a session than `maxDataBytes`. */
export const SessionDataTooLargeError = createError<[number, number]>(
  'SALLYPORT_AUTHENTICATION_DATA_TOO_LARGE',
  'The data of the session need %d bytes, at most %d are kept',
  500
)

/**
 * Request: the cookies are cleared, but the authorization server could not be told: the session may live there until it
 * ends by itself.
 */
export const LogoutIncompleteError = createError<[ErrorOptions?]>(
  'SALLYPORT_AUTHENTICATION_LOGOUT_INCOMPLETE',
  'The session could not be ended at the authorization server',
  503
)

const LoginError = createError<[]>('SALLYPORT_AUTHENTICATION_LOGIN_REFUSED', 'The login could not be completed', 400)

/**
 * Request: the end of a login at the issuer does not hold. Why is in `reason`, for the security event only.
 * @see OpenID Connect Core 1.0 §3.1.3.7, RFC 9207 §2.4
 */
export class LoginRefusedError extends LoginError {
  readonly reason: LoginRefusedReason
  constructor(reason: LoginRefusedReason, options?: ErrorOptions) {
    super()
    this.reason = reason
    if (options?.cause !== undefined) this.cause = options.cause
  }
}

const LogoutTokenError = createError<[]>(
  'SALLYPORT_AUTHENTICATION_LOGOUT_TOKEN_INVALID',
  'The notice is not valid',
  400
)

/** Request: a notice of a logout does not hold, for `reason`. @see OpenID Connect Back-Channel Logout 1.0 §2.6, §2.8 */
export class LogoutTokenRefusedError extends LogoutTokenError {
  readonly reason: LogoutTokenRefusedReason
  constructor(reason: LogoutTokenRefusedReason) {
    super()
    this.reason = reason
  }
}

const InsufficientError = createError<[]>(
  'SALLYPORT_AUTHENTICATION_INSUFFICIENT',
  'A more recent or a stronger login is required',
  401
)

/**
 * Request: the caller is known, and has not proven who it is as recently or as well as the route asks.
 * @see RFC 9470 §3
 */
export class InsufficientAuthenticationError extends InsufficientError {
  readonly headers: Readonly<Record<'www-authenticate', string>>
  readonly stepUp: StepUp
  constructor(stepUp: StepUp = {}) {
    super()
    const { maxAgeSeconds, acr } = stepUp
    const challenge = [
      'Bearer error="insufficient_user_authentication"',
      'error_description="A more recent or a stronger login is required"',
      ...(acr === undefined ? [] : [`acr_values="${acr.join(' ')}"`]),
      ...(maxAgeSeconds === undefined ? [] : [`max_age="${maxAgeSeconds}"`])
    ].join(', ')
    this.headers = { 'www-authenticate': challenge }
    this.stepUp = stepUp
  }
}

/** Request: where a login is to lead is no path of this origin. @see RFC 9700 §4.11.1 */
export const ReturnPathError = createError(
  'SALLYPORT_AUTHENTICATION_RETURN_PATH_INVALID',
  'The path to return to is not valid',
  400
)

/** Request: a login at the issuer was begun by a script, a frame or a form: it can only be gone through as a page. */
export const LoginNotNavigatedError = createError(
  'SALLYPORT_AUTHENTICATION_LOGIN_NOT_NAVIGATED',
  'The login has to be opened as a page',
  403
)
