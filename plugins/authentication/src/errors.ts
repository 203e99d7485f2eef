import createError from '@fastify/error'

/** Boot: the options are not valid; the message lists every mistake. */
export const InvalidOptionsError = createError('SALLYPORT_AUTHENTICATION_OPTIONS_INVALID', 'Authentication options: %s', 500)

/** Request: a route that needs a caller was called without credentials. */
export const CredentialsRequiredError = createError('SALLYPORT_AUTHENTICATION_REQUIRED', 'Authentication required', 401)

/** Request: more than one Authorization header. */
export const AmbiguousCredentialsError = createError('SALLYPORT_AUTHENTICATION_AMBIGUOUS', 'More than one credential', 400)

const TokenError = createError<[]>('SALLYPORT_AUTHENTICATION_TOKEN_INVALID', 'The access token is not valid', 401)

/**
 * Request: the token is not accepted. Why is in `reason`, for the security event only: the caller is not told.
 * @see RFC 6750 §3.1 (`invalid_token`)
 */
export class InvalidTokenError extends TokenError {
  readonly reason: InvalidTokenReason
  constructor (reason: InvalidTokenReason, options?: ErrorOptions) {
    super()
    this.reason = reason
    if (options?.cause !== undefined) this.cause = options.cause
  }
}

/** Why a token was refused: the stable reasons of the security event. */
export type InvalidTokenReason =
  | 'token-too-large' | 'token-malformed' | 'token-type-mismatch' | 'algorithm-not-allowed' | 'critical-header-unknown'
  | 'key-unknown' | 'key-algorithm-mismatch' | 'signature-invalid' | 'issuer-mismatch' | 'audience-mismatch'
  | 'token-expired' | 'token-not-yet-valid' | 'claim-missing' | 'claim-invalid' | 'confirmation-unproven' | 'token-revoked'
  | 'token-inactive'

const RETRY_AFTER = Object.freeze({ 'retry-after': '5' })

/** Request: no verification keys: the JWKS was never seen, or is older than the allowed staleness. */
export class KeysUnavailableError extends createError<[]>('SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE', 'Tokens cannot be verified now', 503) {
  readonly headers = RETRY_AFTER
}

/** Request: the status list of the token was never seen, or is older than the allowed staleness. */
export class StatusUnavailableError extends createError<[]>('SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE', 'Tokens cannot be verified now', 503) {
  readonly headers = RETRY_AFTER
}

/** Request: the introspection endpoint does not answer. */
export class IntrospectionUnavailableError extends createError<[]>('SALLYPORT_AUTHENTICATION_INTROSPECTION_UNAVAILABLE', 'Tokens cannot be verified now', 503) {
  readonly headers = RETRY_AFTER
}
