import createError from '@fastify/error'

/** The options do not fit; the message lists every mistake. */
export const ForwardingOptionsError = createError<[mistakes: string]>(
  'SALLYPORT_FORWARDING_OPTIONS_INVALID',
  'The options of forwarding are not valid: %s',
  500
)

/** The path has more than one reading, so that the service might take it for another one. */
export const PathAmbiguousError = createError(
  'SALLYPORT_FORWARDING_PATH_AMBIGUOUS',
  'The path is not in canonical form',
  400
)

/** The route needs a caller, and nothing before it has found out who that is. */
export const CallerUnknownError = createError('SALLYPORT_FORWARDING_CALLER_UNKNOWN', 'Authentication is required', 401)

/** The route passes the caller's token on, and the caller was accepted without one. */
export const CallerTokenMissingError = createError(
  'SALLYPORT_FORWARDING_CALLER_TOKEN_MISSING',
  'The service needs an access token of the caller',
  403
)

/** The route does not allow the cross-origin request that a preflight asks for. */
export const PreflightRefusedError = createError(
  'SALLYPORT_FORWARDING_PREFLIGHT_REFUSED',
  'The cross-origin request is not allowed',
  403
)

/** The request asks for another protocol, and the route has none, or the handshake is not one. */
export const ForwardedUpgradeRefusedError = createError(
  'SALLYPORT_FORWARDING_UPGRADE_REFUSED',
  'The request cannot switch protocols',
  400
)

/** The handshake is of another version of WebSocket; `Sec-WebSocket-Version` says which one is spoken here. */
export const HandshakeVersionError = createError(
  'SALLYPORT_FORWARDING_HANDSHAKE_VERSION',
  'Another version of the protocol is needed',
  426
)

/** The page that asks for a WebSocket is of an origin that the route does not allow, or of none that it tells. */
export const OriginRefusedError = createError(
  'SALLYPORT_FORWARDING_ORIGIN_REFUSED',
  'The origin of the request is not allowed',
  403
)

/** The caller has as many WebSockets open as the route allows; `Retry-After` says when to try again. */
export const TooManySocketsError = createError(
  'SALLYPORT_FORWARDING_TOO_MANY_SOCKETS',
  'Too many connections, try again later',
  429
)

/** The route has as many WebSockets open as this process allows; `Retry-After` says when to try again. */
export const SocketsBusyError = createError('SALLYPORT_FORWARDING_SOCKETS_BUSY', 'The service is busy, try again', 503)

/** A rate limit of the route has no room for the request; `Retry-After` says when it has. */
export const RateLimitedError = createError(
  'SALLYPORT_FORWARDING_RATE_LIMITED',
  'Too many requests, try again later',
  429
)

/** What counts the requests is away, and a limit of the route says that none passes then; with `Retry-After`. */
export const LimitsUnavailableError = createError(
  'SALLYPORT_FORWARDING_LIMITS_UNAVAILABLE',
  'The service is not available, try again',
  503
)

/** The body is larger than the gateway forwards; counted while it streams. */
export const ForwardedBodyTooLargeError = createError(
  'SALLYPORT_FORWARDING_BODY_TOO_LARGE',
  'The request body is too large',
  413
)

/** The service cannot be reached, or its certificate does not prove its name. */
export const ForwardFailedError = createError(
  'SALLYPORT_FORWARDING_UPSTREAM_FAILED',
  'The service is not available',
  502
)

/** Too many requests wait for the service; `Retry-After` says when to try again. */
export const ForwardBusyError = createError('SALLYPORT_FORWARDING_UPSTREAM_BUSY', 'The service is busy, try again', 503)

/** No target of the service takes requests at the moment; `Retry-After` says when to try again. */
export const ForwardUnavailableError = createError(
  'SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE',
  'The service is not available, try again',
  503
)

/**
 * The service refused the token that was exchanged for it: most likely the session ended or its roles changed a moment
 * ago.
 */
export const ForwardedTokenRefusedError = createError(
  'SALLYPORT_FORWARDING_UPSTREAM_REFUSED_TOKEN',
  'The service is not available, try again',
  503
)

/** The service did not begin or end its answer in time. */
export const ForwardTimeoutError = createError(
  'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT',
  'The service did not answer in time',
  504
)

/**
 * The caller's access ended while the answer was under way; seen by the client only if nothing of the answer had left.
 */
export const AccessEndedError = createError('SALLYPORT_FORWARDING_ACCESS_ENDED', 'The access has ended', 401)

/** For the log: the client closed its connection before it had the answer. */
export const ClientLeftError = createError('SALLYPORT_FORWARDING_CLIENT_LEFT', 'The client closed the connection', 499)
