import createError from '@fastify/error'

/** Boot: the options are not valid; the message names every mistake. */
export const InvalidOptionsError = createError(
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

/** Request: the policy refuses; with `insufficient_scope` in WWW-Authenticate when a scope is what is missing. */
export const ForbiddenError = createError('SALLYPORT_AUTHORIZATION_FORBIDDEN', 'Access is not allowed', 403)

/** Request: the resource does not exist, or the caller may not see it. */
export const ResourceNotFoundError = createError('SALLYPORT_AUTHORIZATION_NOT_FOUND', 'Not Found', 404)

/** Request: the access control list cannot be read, so nothing is allowed on its account. */
export const AclUnavailableError = createError(
  'SALLYPORT_AUTHORIZATION_ACL_UNAVAILABLE',
  'Access cannot be decided now',
  503
)

/** Boot: policies of routes that could not decide; the message names every mistake. */
export const InvalidPoliciesError = createError('SALLYPORT_AUTHORIZATION_POLICIES_INVALID', 'Invalid policies: %s', 500)

/** Call: a policy handed to `authorize`, `visible` or `applyFilter` could not decide. */
export const InvalidPolicyError = createError('SALLYPORT_AUTHORIZATION_POLICY_INVALID', 'Invalid policy: %s', 500)

/**
 * Call: `applyFilter` on a query that it cannot filter as a whole, what would go around it afterwards, or an attribute
 * without column.
 */
export const InvalidFilterError = createError('SALLYPORT_AUTHORIZATION_FILTER_INVALID', 'Invalid filter: %s', 500)
