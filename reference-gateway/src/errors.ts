import createError from '@fastify/error'

/** The request target has more than one reading (encoded or dot segments, empty segments, parameters, a fragment, a foreign authority). */
export const PathNotCanonicalError = createError('SALLYPORT_GATEWAY_PATH_NOT_CANONICAL', 'The request path is not in canonical form', 400)

/** The request target is longer than the gateway accepts. */
export const UrlTooLongError = createError('SALLYPORT_GATEWAY_URL_TOO_LONG', 'The request URL is too long', 414)

/** The method is not one that the gateway serves. */
export const MethodRefusedError = createError('SALLYPORT_GATEWAY_METHOD_REFUSED', 'The request method is not supported', 405)

/** The client asked for another protocol on this connection. */
export const UpgradeRefusedError = createError('SALLYPORT_GATEWAY_UPGRADE_REFUSED', 'Protocol upgrades are not supported', 400)

/** The body is larger than the gateway forwards; counted while it streams. */
export const BodyTooLargeError = createError('SALLYPORT_GATEWAY_BODY_TOO_LARGE', 'The request body is too large', 413)

/** Too many login attempts from one source; `Retry-After` says when the next one is taken. */
export const LoginThrottledError = createError('SALLYPORT_GATEWAY_LOGIN_THROTTLED', 'Too many login attempts, try again later', 429)

/** The service cannot be reached, or is not the one that its certificate must prove it to be. */
export const UpstreamFailedError = createError('SALLYPORT_GATEWAY_UPSTREAM_FAILED', 'The service is not available', 502)

/** The service refused the token that was exchanged for it: most likely the session ended or its roles changed a moment ago. */
export const UpstreamRefusedTokenError = createError('SALLYPORT_GATEWAY_UPSTREAM_REFUSED_TOKEN', 'The service is not available, try again', 503)

/** The service did not answer in time. */
export const UpstreamTimeoutError = createError('SALLYPORT_GATEWAY_UPSTREAM_TIMEOUT', 'The service did not answer in time', 504)

/** Boot: settings that are valid one by one and wrong together; the message lists every mistake. */
export const InvalidSettingsError = createError('SALLYPORT_GATEWAY_SETTINGS_INVALID', 'Settings of the gateway: %s', 500)
