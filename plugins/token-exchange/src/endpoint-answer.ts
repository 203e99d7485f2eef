import { ownMember, parseJsonObject } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import { TokenNotGrantedError, TokenRejectedError, TokenThrottledError, TokenUnavailableError } from './errors.ts'

/** When the server does not say how long to wait. */
const DEFAULT_WAIT_SECONDS = 5
/** No server may keep us waiting longer than this. */
const MAX_WAIT_SECONDS = 3600

/** An answer of the token or revocation endpoint, a success or not. */
export interface EndpointAnswer {
  readonly statusCode: number
  readonly retryAfter: string | string[] | undefined
  readonly body: Buffer
}

/**
 * Turns a failed answer into one of the four token errors. Only a 4xx with an error code that RFC 6749 defines is a
 * decision about the caller; all else is an outage, because a client that takes an outage for a refusal logs users out.
 * @param subjectTokenSent true for a token exchange, where an invalid subject token is `invalid_request`
 * @see RFC 6749 §5.2, RFC 8693 §2.2.2
 */
export function errorOfAnswer(answer: EndpointAnswer, subjectTokenSent: boolean, nowMs: number): FastifyError {
  const { statusCode } = answer
  const wait = waitAskedFor(answer.retryAfter, nowMs)
  const code = ownMember(parseJsonObject(answer.body) ?? {}, 'error')
  const cause = new Error(`The authorization server answered ${statusCode} ${printable(code)}`)
  if (statusCode === 429) return waiting(new TokenThrottledError({ cause }), wait ?? DEFAULT_WAIT_SECONDS)
  const decision = statusCode >= 400 && statusCode < 500 && typeof code === 'string'
  // A client that is not known or not authenticated is our misconfiguration: nothing the caller can mend, an alarm for
  // the operator.
  if (!decision || code === 'invalid_client') return serverUnavailable(cause, wait)
  const aboutSubject = subjectTokenSent && (code === 'invalid_request' || code === 'invalid_token')
  if (code === 'invalid_grant' || aboutSubject) return new TokenRejectedError({ cause })
  return new TokenNotGrantedError({ cause })
}

/** The error for an authorization server that did not answer, or answered nonsense. */
export function serverUnavailable(cause: unknown, waitSeconds: number | null = null): FastifyError {
  return waiting(new TokenUnavailableError({ cause }), waitSeconds ?? DEFAULT_WAIT_SECONDS)
}

function waiting(error: FastifyError, seconds: number): FastifyError {
  return Object.assign(error, { retryAfterSeconds: seconds, headers: { 'retry-after': String(seconds) } })
}

/**
 * The wait that a `Retry-After` header asks for, in whole seconds between 0 and 3600; `null` when there is none.
 * @param value header value: seconds or an HTTP date
 * @param nowMs epoch in ms
 * @see RFC 9110 §10.2.3
 */
function waitAskedFor(value: string | string[] | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return null
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Number.isNaN(seconds) ? null : Math.min(Math.max(Math.ceil(seconds), 0), MAX_WAIT_SECONDS)
}

/**
 * The server's error code for our log: it chose the text, so only what RFC 6749 §5.2 allows in one, and not much of it.
 */
function printable(code: unknown): string {
  return typeof code === 'string'
    ? code.slice(0, 64).replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
    : 'without an error code'
}
