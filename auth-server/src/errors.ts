import createError from '@fastify/error'

/** Boot: the settings cannot work together; the message lists every mistake. */
export const InvalidSettingsError = createError(
  'SALLYPORT_AUTH_SERVER_SETTINGS_INVALID',
  'The settings are not valid: %s',
  500
)

/** The request is for a host that is not this server's. */
export const ForeignHostError = createError(
  'SALLYPORT_AUTH_SERVER_HOST_REFUSED',
  'The request is for another host',
  421
)

/** A stored secret names a sealing key that is not in the ring, or does not open with it. */
export const UnsealError = createError('SALLYPORT_AUTH_SERVER_UNSEAL_FAILED', 'Internal Server Error', 500)

/** Operation: a step of a signing key's life that would break valid tokens; the message says why. */
export const UnsafeKeyStepError = createError(
  'SALLYPORT_AUTH_SERVER_KEY_STEP_UNSAFE',
  'This key step is refused: %s',
  409
)

/** No key signs now: the first one could not be made or read. */
export const NoSigningKeyError = createError('SALLYPORT_AUTH_SERVER_SIGNING_KEY_MISSING', 'Service Unavailable', 503)

/**
 * Too many password hashes wait, or this one waited too long; the request can be repeated after `Retry-After` seconds.
 */
export const PasswordQueueFullError = createError(
  'SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL',
  'Service Unavailable',
  503
)

/** A session request came with a client's own token, which has no session. @see RFC 6750 §3.1 */
export const InvalidBearerError = createError('SALLYPORT_AUTH_SERVER_BEARER_INVALID', 'Authentication is required', 401)

/** The caller has no such session. */
export const UnknownSessionError = createError('SALLYPORT_AUTH_SERVER_SESSION_NOT_FOUND', 'Not Found', 404)

/** The status list is not known here. */
export const StatusListNotFoundError = createError('SALLYPORT_AUTH_SERVER_STATUS_LIST_NOT_FOUND', 'Not Found', 404)

/** Administration: the user, client or key does not exist. */
export const UnknownSubjectError = createError('SALLYPORT_AUTH_SERVER_UNKNOWN', 'There is no %s %s', 404)

/** Administration: the name is taken. */
export const NameTakenError = createError('SALLYPORT_AUTH_SERVER_NAME_TAKEN', 'There is already a %s %s', 409)

/** Administration: the value breaks a rule, which the message names. */
export const InvalidValueError = createError('SALLYPORT_AUTH_SERVER_VALUE_INVALID', 'Not valid: %s', 400)

/** Administration: `If-Match` names another version than the one that is stored. @see RFC 9110 §13.1.1 */
export const VersionMismatchError = createError(
  'SALLYPORT_AUTH_SERVER_VERSION_MISMATCH',
  'The %s %s has changed: read it again',
  412
)

/** Administration: others need it, so it stays; the message names them. */
export const InUseError = createError('SALLYPORT_AUTH_SERVER_IN_USE', 'The %s %s stays: %s', 409)
