import { errorCode } from '@sallyport/security-context/mechanics'

/** No token, no call: the authorization server did not answer, or did not grant what the call needs. */
const BEFORE_THE_CALL: ReadonlyArray<string | null> = [
  'SALLYPORT_TOKEN_REJECTED',
  'SALLYPORT_TOKEN_NOT_GRANTED',
  'SALLYPORT_TOKEN_THROTTLED',
  'SALLYPORT_TOKEN_UNAVAILABLE'
]
/** No connection, no call. */
const NO_CONNECTION: ReadonlyArray<string | null> = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT'
]

/**
 * Whether a failed call certainly had no effect at the other end. A timeout or a broken connection proves nothing: only
 * the answer may be lost.
 */
export function neverArrived(error: unknown): boolean {
  return (
    BEFORE_THE_CALL.includes(errorCode(error)) ||
    (error instanceof Error && NO_CONNECTION.includes(errorCode(error.cause)))
  )
}
