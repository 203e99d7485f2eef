import type { FastifyError } from '@fastify/error'
import type { TokenClientErrorCode } from '@sallyport/security-context'
import { isSallyportError, ServerUnavailableError, ThrottledError } from './errors.ts'

/** When nobody says how long to wait. */
const DEFAULT_WAIT_SECONDS = 5

/** Whether a token client's error has this code; matched on `code`, because the client is the app's. */
export function hasCode(error: unknown, code: TokenClientErrorCode): boolean {
  return codeOf(error) === code
}

/**
 * What the caller is told of a token request that is not a rejection: throttling is 429, everything else 503, both with
 * `Retry-After`; one of our own limits stays what it is. A refusal of what we asked for (scope, grant) is our
 * misconfiguration, so 503 and not 401.
 */
export function tokenFailure(cause: unknown): FastifyError {
  if (isSallyportError(cause) && cause.code.startsWith('SALLYPORT_AUTHENTICATION_') && isOutage(cause)) return cause
  const headers = { 'retry-after': String(waitSecondsOf(cause)) }
  const error = hasCode(cause, 'SALLYPORT_TOKEN_THROTTLED')
    ? new ThrottledError({ cause })
    : new ServerUnavailableError({ cause })
  return Object.assign(error, { headers })
}

/**
 * Whether an error is worth another try later and says nothing about the caller: an outage, throttling, keys or status
 * unknown.
 */
export function isOutage(error: unknown): error is FastifyError {
  const status = statusOf(error)
  return status === 503 || status === 429
}

/** Whether an error says that a credential or a token is not accepted. */
export function isRefusal(error: unknown): boolean {
  return statusOf(error) === 401
}

/** Whether an error says that this caller asks too often. */
export function isThrottled(error: unknown): error is FastifyError {
  return statusOf(error) === 429
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function waitSecondsOf(error: unknown): number {
  const seconds = error instanceof Error && 'retryAfterSeconds' in error ? error.retryAfterSeconds : undefined
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0
    ? Math.ceil(seconds)
    : DEFAULT_WAIT_SECONDS
}
