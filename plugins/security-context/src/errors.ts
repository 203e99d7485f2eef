import createError from '@fastify/error'

/** Boot: routes were registered without a required declaration in `config`; the message names every one of them. */
export const UndeclaredRoutesError = createError(
  'SALLYPORT_CONTEXT_ROUTES_UNDECLARED',
  'Routes without config.%s: %s',
  500
)

/**
 * Request: the matched route has no declaration (it was added behind the boot check's back); refused, never let
 * through.
 */
export const UndeclaredRouteError = createError('SALLYPORT_CONTEXT_ROUTE_UNDECLARED', 'Internal Server Error', 500)

/** Boot: a declaration for routes of another plugin names none, or nothing for them; the message has it. */
export const InvalidDeclarationError = createError(
  'SALLYPORT_CONTEXT_DECLARATION_INVALID',
  'Invalid declaration of routes: %s',
  500
)

/** Boot: routes were declared that no plugin has added; the message names them. */
export const UnmatchedDeclarationError = createError(
  'SALLYPORT_CONTEXT_DECLARATION_UNMATCHED',
  'Declared routes that nobody added: %s',
  500
)

/** Request: the body, query, parameters or headers do not match the route's schema. */
export const InvalidRequestError = createError('SALLYPORT_CONTEXT_REQUEST_INVALID', 'The request is not valid', 400)

/** Request: no route has this method and path. */
export const NotFoundError = createError('SALLYPORT_CONTEXT_NOT_FOUND', 'Not Found', 404)

/**
 * Request: the database gave no answer, or none that counts; the request can be repeated after `Retry-After` seconds.
 */
export const StorageUnavailableError = createError('SALLYPORT_STORAGE_UNAVAILABLE', 'Service Unavailable', 503)

/** Code: `requirePrincipal` was called for a request without a caller: its route is public. */
export const PrincipalMissingError = createError<[ErrorOptions?]>(
  'SALLYPORT_CONTEXT_PRINCIPAL_MISSING',
  'Internal Server Error',
  500
)

/** Code: `currentPrincipal` was called, and no app of the process has the option `followRequests`. */
export const RequestsNotFollowedError = createError('SALLYPORT_CONTEXT_NOT_FOLLOWED', 'Internal Server Error', 500)

/** Request: the time that the caller gives was over before the handler began. */
export const DeadlinePassedError = createError(
  'SALLYPORT_CONTEXT_DEADLINE_PASSED',
  'There was no time left to answer the request',
  504
)

/** For the log: the caller closed its connection before it had the answer, so that what it asked for was given up. */
export const CallerLeftError = createError('SALLYPORT_CONTEXT_CALLER_LEFT', 'The caller closed the connection', 499)
