import createError from '@fastify/error'

/** Request: what happened could not be written to the audit trail, so it is not acknowledged either. */
export const AuditUnavailableError = createError('SALLYPORT_AUDIT_UNAVAILABLE', 'The audit trail is not available', 503)

/**
 * Request: a mutating route with an audit declaration answered 2xx or 3xx without a committed audit row (`unfulfilled:
 * 'refuse'`).
 */
export const AuditUnfulfilledError = createError('SALLYPORT_AUDIT_UNFULFILLED', 'Internal Server Error', 500)

/** Request: the query of the audit route is not valid; the message names the parameter, never its value. */
export const AuditQueryInvalidError = createError<[parameter: string]>(
  'SALLYPORT_AUDIT_QUERY_INVALID',
  'The audit query is not valid: %s',
  400
)

/**
 * Handler: `request.audit` was given an event without action, with an unknown outcome, or with a resource that is not
 * two strings.
 */
export const AuditEventInvalidError = createError('SALLYPORT_AUDIT_EVENT_INVALID', 'Internal Server Error', 500)

/** Boot: the options of the plugin are not valid; the message names every mistake. */
export const AuditOptionsError = createError(
  'SALLYPORT_AUDIT_OPTIONS_INVALID',
  'Options of @sallyport/audit-log: %s',
  500
)

/** Boot: the files that an earlier process left are sealed under a key that is not among those given. */
export const AuditSpillError = createError<[path: string]>(
  'SALLYPORT_AUDIT_SPILL_LOCKED',
  'No key opens %s: give the key that sealed it, also when it is not the first any more',
  500
)

/** Boot: another process that is running has the folder for audit rows. */
export const AuditSpillHeldError = createError<[folder: string]>(
  'SALLYPORT_AUDIT_SPILL_HELD',
  'Another process keeps audit rows in %s: give each process a folder of its own',
  500
)

/** Request: as many callers follow the trail as this process lets. */
export const AuditStreamsFullError = createError(
  'SALLYPORT_AUDIT_STREAMS_FULL',
  'Too many callers follow the audit trail',
  503
)
