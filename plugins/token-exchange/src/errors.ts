import createError from '@fastify/error'

/** The token endpoint says that the credential, code or token is not valid: terminal, do not retry. */
export const TokenRejectedError = createError('SALLYPORT_TOKEN_REJECTED', 'The credentials are not valid', 401)

/** The authorization server refused what was asked for: the scope, the audience or the grant. */
export const TokenNotGrantedError = createError(
  'SALLYPORT_TOKEN_NOT_GRANTED',
  'Access to this resource was not granted',
  403
)

/** Too many tries; `retryAfterSeconds` and the `Retry-After` header say when the next one may succeed. */
export const TokenThrottledError = createError('SALLYPORT_TOKEN_THROTTLED', 'Too many requests, try again later', 429)

/** The authorization server gave no answer, a 5xx or one that makes no sense, or does not know us as a client. */
export const TokenUnavailableError = createError(
  'SALLYPORT_TOKEN_UNAVAILABLE',
  'The authorization server is not available',
  503
)

/** Boot: the metadata or an endpoint in it cannot be trusted; the message lists every mistake. */
export const InvalidMetadataError = createError(
  'SALLYPORT_TOKEN_METADATA_INVALID',
  'The authorization server metadata is not valid: %s',
  500
)

/** Boot: options of the plugin or of the client are wrong; the message lists every mistake. */
export const TokenOptionsError = createError(
  'SALLYPORT_TOKEN_OPTIONS_INVALID',
  'Options of @sallyport/token-exchange: %s',
  500
)

/** Reload: a new client secret is not taken by the authorization server; the old one stays in use. */
export const ClientSecretError = createError('SALLYPORT_TOKEN_CLIENT_SECRET_REFUSED', 'clientSecret %s', 500)

/** A handler asked for an exchange on a request that nobody authenticated: its route is public. */
export const SubjectTokenMissingError = createError('SALLYPORT_TOKEN_SUBJECT_MISSING', 'Internal Server Error', 500)

/**
 * The strategy that accepted the caller gives no access token (`accessToken: null`), so nothing can be done in the
 * caller's name.
 */
export const CallerWithoutTokenError = createError(
  'SALLYPORT_TOKEN_CALLER_WITHOUT_TOKEN',
  'These credentials cannot be used for this resource',
  403
)

/** A handler named an audience that `upstreams` does not have. */
export const UnknownAudienceError = createError('SALLYPORT_TOKEN_AUDIENCE_UNKNOWN', 'Internal Server Error', 500)

/**
 * A handler built a path that is not a canonical absolute path, so the request could reach another resource than was
 * meant.
 */
export const InvalidPathError = createError('SALLYPORT_TOKEN_PATH_INVALID', 'Internal Server Error', 500)

/** The called service could not be reached, or its answer could not be read. */
export const UpstreamFailedError = createError(
  'SALLYPORT_TOKEN_UPSTREAM_FAILED',
  'A service that this request needs is not available',
  502
)

/** The called service did not answer in time. */
export const UpstreamTimeoutError = createError(
  'SALLYPORT_TOKEN_UPSTREAM_TIMEOUT',
  'A service that this request needs did not answer in time',
  504
)
