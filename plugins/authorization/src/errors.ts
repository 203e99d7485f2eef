import createError from '@fastify/error'

/** Boot: the options are not valid; the message names every mistake. */
export const AuthorizationOptionsError = createError(
  'SALLYPORT_AUTHORIZATION_OPTIONS_INVALID',
  'Options of @sallyport/authorization: %s',
  500
)

/** Request: a route that is not public was called without a principal. */
export const UnauthenticatedError = createError(
  'SALLYPORT_AUTHORIZATION_UNAUTHENTICATED',
  'Authentication is required',
  401
)

/** Request: the policy refuses; with `insufficient_scope` in WWW-Authenticate when a scope is missing. */
export const ForbiddenError = createError('SALLYPORT_AUTHORIZATION_FORBIDDEN', 'Access is not allowed', 403)

/** Request: the resource does not exist, or the caller may not see it. */
export const ResourceNotFoundError = createError('SALLYPORT_AUTHORIZATION_NOT_FOUND', 'Not Found', 404)

/** Request: the access control list cannot be read, so it allows nothing. */
export const AclUnavailableError = createError(
  'SALLYPORT_AUTHORIZATION_ACL_UNAVAILABLE',
  'Access cannot be decided now',
  503
)

/** Boot: policies of routes that can never decide; the message names every mistake. */
export const InvalidPoliciesError = createError('SALLYPORT_AUTHORIZATION_POLICIES_INVALID', 'Invalid policies: %s', 500)

/** Call: a policy given to `authorize`, `visible` or `applyFilter` can never decide. */
export const InvalidPolicyError = createError('SALLYPORT_AUTHORIZATION_POLICY_INVALID', 'Invalid policy: %s', 500)

/**
 * Call: a query that `applyFilter` cannot filter as a whole, a later use that would bypass the filter, or an attribute
 * without a column.
 */
export const InvalidFilterError = createError('SALLYPORT_AUTHORIZATION_FILTER_INVALID', 'Invalid filter: %s', 500)

/** Boot, or a grant: an entry of the access control list names no issuer in an app that takes tokens of several. */
export const AclEntryWithoutIssuerError = createError(
  'SALLYPORT_AUTHORIZATION_ACL_ISSUER_MISSING',
  'Access control list: %s without issuer, and tokens of several issuers are taken',
  500
)
