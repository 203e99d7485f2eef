import { ownMember, parseJsonObject, parseRetryAfter, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyError } from '@fastify/error'
import { TokenNotGrantedError, TokenRejectedError, TokenThrottledError, TokenUnavailableError } from './errors.ts'

/** An answer of the token or revocation endpoint, a success or not. */
export interface EndpointAnswer {
  readonly statusCode: number
  readonly retryAfter: string | string[] | undefined
  /** `DPoP-Nonce`. @see RFC 9449 §8.2 */
  readonly dpopNonce: string | string[] | undefined
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
  const wait = parseRetryAfter(answer.retryAfter, nowMs) ?? undefined
  const code = ownMember(parseJsonObject(answer.body) ?? {}, 'error')
  const cause = new Error(`The authorization server answered ${statusCode} ${printable(code)}`)
  if (statusCode === 429) return withRetryAfter(new TokenThrottledError({ cause }), wait)
  const decision = statusCode >= 400 && statusCode < 500 && typeof code === 'string'
  // A client that is not known or not authenticated is our misconfiguration: nothing the caller can mend, an alarm for
  // the operator.
  if (!decision || code === 'invalid_client') return serverUnavailable(cause, wait)
  const aboutSubject = subjectTokenSent && (code === 'invalid_request' || code === 'invalid_token')
  if (code === 'invalid_grant' || aboutSubject) return new TokenRejectedError({ cause })
  return new TokenNotGrantedError({ cause })
}

/** The error for an authorization server that did not answer, or answered nonsense. */
export function serverUnavailable(cause: unknown, waitSeconds?: number): FastifyError {
  return withRetryAfter(new TokenUnavailableError({ cause }), waitSeconds)
}

/**
 * The server's error code for our log: it chose the text, so only what RFC 6749 §5.2 allows in one, and not much of it.
 */
function printable(code: unknown): string {
  return typeof code === 'string'
    ? code.slice(0, 64).replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
    : 'without an error code'
}
