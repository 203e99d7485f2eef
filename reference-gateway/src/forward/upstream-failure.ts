import { errorCode, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import type { SecurityEvent } from '@sallyport/security-context'
import {
  AccessEndedError,
  BodyTooLargeError,
  ClientLeftError,
  UpstreamBusyError,
  UpstreamFailedError,
  UpstreamTimeoutError
} from '../errors.ts'

const TIMEOUTS: readonly unknown[] = [
  'SALLYPORT_GATEWAY_UPSTREAM_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT'
]
/**
 * OpenSSL's and Node's codes for a certificate that does not prove the name: the hop goes to the wrong process, or to
 * an attacker.
 */
const UNTRUSTED = /^(?:CERT_|ERR_TLS_CERT|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/

/** What the client is told of a failed forward, and what the audit trail and metrics are told. */
export interface ForwardFailure {
  readonly error: FastifyError
  /**
   * `null` when nothing is to be said: a client that left is no event, or anybody could fill the trail by hanging up.
   */
  readonly event: SecurityEvent | null
}

/**
 * Names a failure by the codes in its chain of causes. The client learns nothing of the inside: neither which host it
 * was nor what was wrong with it, and never a 401.
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
  // Fastify destroys the answer of a client that has gone, in which undici sees an abort.
  if (has('SALLYPORT_GATEWAY_CLIENT_LEFT') || has('UND_ERR_ABORTED')) {
    return { error: new ClientLeftError({ cause: error }), event: null }
  }
  // The watcher of open answers has said it.
  if (has('SALLYPORT_GATEWAY_ACCESS_ENDED')) return { error: new AccessEndedError({ cause: error }), event: null }
  if (has('SALLYPORT_GATEWAY_BODY_TOO_LARGE')) {
    return { error: new BodyTooLargeError(), event: event('denied', 'body-too-large') }
  }
  if (has('SALLYPORT_TRANSPORT_PEER_BUSY')) {
    return { error: tryAgain(new UpstreamBusyError({ cause: error })), event: event('failure', 'upstream-busy') }
  }
  if (codes.some(code => TIMEOUTS.includes(code))) {
    return { error: new UpstreamTimeoutError({ cause: error }), event: event('failure', 'upstream-timeout') }
  }
  const reason = codes.some(code => UNTRUSTED.test(code)) ? 'upstream-not-trusted' : 'upstream-failed'
  return { error: new UpstreamFailedError({ cause: error }), event: event('failure', reason) }
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
