import createError from '@fastify/error'

/**
 * The request target has more than one reading (encoded or dot segments, empty segments, parameters, a fragment, a
 * foreign authority).
 */
export const PathNotCanonicalError = createError(
  'SALLYPORT_GATEWAY_PATH_NOT_CANONICAL',
  'The request path is not in canonical form',
  400
)

/** The request target is longer than the gateway accepts. */
export const UrlTooLongError = createError('SALLYPORT_GATEWAY_URL_TOO_LONG', 'The request URL is too long', 414)

/** The gateway does not serve this method. */
export const MethodRefusedError = createError(
  'SALLYPORT_GATEWAY_METHOD_REFUSED',
  'The request method is not supported',
  405
)

/** The client asked for another protocol on this connection. */
export const UpgradeRefusedError = createError(
  'SALLYPORT_GATEWAY_UPGRADE_REFUSED',
  'Protocol upgrades are not supported',
  400
)

/** The request line names another version than HTTP/1.0 or 1.1. */
export const VersionRefusedError = createError(
  'SALLYPORT_GATEWAY_VERSION_REFUSED',
  'The HTTP version is not supported',
  505
)

/** The request is for a host that is not this gateway's. */
export const HostRefusedError = createError('SALLYPORT_GATEWAY_HOST_REFUSED', 'The request is for another host', 421)

/** A proxy took the request over plain HTTP, and browsers have to use TLS here. */
export const SchemeRefusedError = createError(
  'SALLYPORT_GATEWAY_SCHEME_REFUSED',
  'The request has to be sent over TLS',
  421
)

/** The caller's token has no session: it belongs to a client, or was issued outside a login. */
export const SessionsRefusedError = createError(
  'SALLYPORT_GATEWAY_SESSIONS_REFUSED',
  'The access token belongs to no session',
  403
)

/** Too many login attempts from one source; `Retry-After` says when the next one is accepted. */
export const LoginThrottledError = createError(
  'SALLYPORT_GATEWAY_LOGIN_THROTTLED',
  'Too many login attempts, try again later',
  429
)

/** Boot: settings that are valid one by one and do not fit together; the message lists every mistake. */
export const GatewaySettingsError = createError(
  'SALLYPORT_GATEWAY_SETTINGS_INVALID',
  'Settings of the gateway: %s',
  500
)

/** Boot: the file of routes has mistakes; the message lists all of them with line and column. */
export const RoutesInvalidError = createError('SALLYPORT_GATEWAY_ROUTES_INVALID', 'The routes are not valid:\n%s', 500)

/** A page of the web client asked the gateway for something, and was refused. */
export const WebClientCallError = createError(
  'SALLYPORT_GATEWAY_WEB_CLIENT_CALL_FAILED',
  'What this page needs was refused',
  500
)

/** The overlay does not go over the file of routes; the message lists every mistake with line and column. */
export const RoutesOverlayError = createError(
  'SALLYPORT_GATEWAY_OVERLAY_INVALID',
  'The overlay of routes is not valid: %s',
  500
)
