import type { FastifyError } from '@fastify/error'
import { errorCode, waitSeconds, withRetryAfter } from '@sallyport/security-context/mechanics'
import { ServerUnavailableError, ThrottledError } from './errors.ts'
import { hasTokenCode, isOutage } from './failure-kinds.ts'

/**
 * What the caller is told of a token request that is not a rejection: throttling is 429, everything else 503, both with
 * `Retry-After`; one of our own limits stays what it is. A refusal of what we asked for (scope, grant) is our
 * misconfiguration, so 503 and not 401.
 */
export function tokenRequestFailure(cause: unknown): FastifyError {
  if (isOutage(cause) && errorCode(cause)?.startsWith('SALLYPORT_AUTHENTICATION_') === true) return cause
  const error = hasTokenCode(cause, 'SALLYPORT_TOKEN_THROTTLED')
    ? new ThrottledError({ cause })
    : new ServerUnavailableError({ cause })
  return withRetryAfter(error, waitSeconds(cause))
}
