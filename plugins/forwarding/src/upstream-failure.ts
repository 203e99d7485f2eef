import { errorCode, waitSeconds, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import type { SecurityEvent } from '@sallyport/security-context'
import {
  AccessEndedError,
  ForwardedBodyTooLargeError,
  ClientLeftError,
  ForwardBusyError,
  ForwardFailedError,
  ForwardTimeoutError,
  ForwardUnavailableError
} from './errors.ts'

const TIMEOUT_CODES: readonly unknown[] = [
  'SALLYPORT_FORWARDING_UPSTREAM_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT'
]
/**
 * Codes of OpenSSL and Node for a certificate that does not prove the name: the connection leads to the wrong process,
 * or to an attacker.
 */
const UNTRUSTED = /^(?:CERT_|ERR_TLS_CERT|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/

/** What the client learns about a failed call, and what the audit trail and metrics record. */
export interface ForwardFailure {
  readonly error: FastifyError
  /** `null` for a client that left, which is not an event: otherwise anybody could fill the trail by hanging up. */
  readonly event: SecurityEvent | null
}

/**
 * Names a failure by the codes in its chain of causes. The client learns nothing about the inside: no host, no cause,
 * and never a 401.
 */
export function forwardFailure(error: unknown, audience: string): ForwardFailure {
  const codes = codesOf(error)
  const has = (code: string): boolean => codes.includes(code)
  const event = (outcome: SecurityEvent['outcome'], reason: string): SecurityEvent => ({
    stage: 'forward',
    outcome,
    reason,
    detail: { audience }
  })
  // Fastify destroys the answer to a client that has gone, and undici reports that as an abort.
  if (has('SALLYPORT_FORWARDING_CLIENT_LEFT') || has('UND_ERR_ABORTED')) {
    return { error: new ClientLeftError({ cause: error }), event: null }
  }
  // The watcher of answers has recorded it.
  if (has('SALLYPORT_FORWARDING_ACCESS_ENDED')) return { error: new AccessEndedError({ cause: error }), event: null }
  if (has('SALLYPORT_FORWARDING_BODY_TOO_LARGE')) {
    return { error: new ForwardedBodyTooLargeError(), event: event('denied', 'body-too-large') }
  }
  if (has('SALLYPORT_TRANSPORT_PEER_BUSY') || has('SALLYPORT_FORWARDING_UPSTREAM_BUSY')) {
    return { error: tryAgain(new ForwardBusyError({ cause: error })), event: event('failure', 'upstream-busy') }
  }
  if (has('SALLYPORT_FORWARDING_UPSTREAM_UNAVAILABLE')) {
    const unavailable = tryAgain(new ForwardUnavailableError({ cause: error }), waitSeconds(error))
    return { error: unavailable, event: event('failure', 'upstream-unavailable') }
  }
  if (codes.some(code => TIMEOUT_CODES.includes(code))) {
    return { error: new ForwardTimeoutError({ cause: error }), event: event('failure', 'upstream-timeout') }
  }
  const reason = codes.some(code => UNTRUSTED.test(code)) ? 'upstream-not-trusted' : 'upstream-failed'
  return { error: new ForwardFailedError({ cause: error }), event: event('failure', reason) }
}

/** The same error with a time to wait, in seconds. */
export function tryAgain(error: FastifyError, seconds = 1): FastifyError {
  return withRetryAfter(error, seconds)
}

function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    const code = errorCode(current)
    if (code !== null) codes.push(code)
  }
  return codes
}
