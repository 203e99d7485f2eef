import type { TokenClientErrorCode } from '@sallyport/security-context'
import { errorCode, errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyError } from 'fastify'

/** Whether a token client's error has this code; matched on `code`, because the client is the app's. */
export function hasTokenCode(error: unknown, code: TokenClientErrorCode): boolean {
  return errorCode(error) === code
}

/**
 * Whether an error is worth another try later and says nothing about the caller: an outage, throttling, keys or status
 * unknown.
 */
export function isOutage(error: unknown): error is FastifyError {
  const status = errorStatus(error)
  return status === 503 || status === 429
}

/** Whether an error says that a credential or a token is not accepted. */
export function isRefusal(error: unknown): boolean {
  return errorStatus(error) === 401
}

/** Whether an error says that this caller asks too often. */
export function isThrottled(error: unknown): error is FastifyError {
  return errorStatus(error) === 429
}

/** Whether this is an error of this project, with a status and a stable code. */
export function isSallyportError(error: unknown): error is FastifyError {
  return errorCode(error)?.startsWith('SALLYPORT_') === true
}
