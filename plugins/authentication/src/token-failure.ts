import type { FastifyError } from '@fastify/error'
import type { Principal, TokenClientErrorCode, TokenSet } from '@sallyport/security-context'
import { isSallyportError, ServerUnavailableError, ThrottledError } from './errors.ts'
import type { TokenVerifier } from './tokens/verify-token.ts'

/** When nobody says how long to wait. */
const DEFAULT_WAIT_SECONDS = 5

/** A token that was verified just now. */
export interface VerifiedToken {
  readonly accessToken: string
  readonly principal: Principal
}

/** Whether a token client's error has this code; matched on `code`, because the client is the app's. */
export function hasCode (error: unknown, code: TokenClientErrorCode): boolean {
  return codeOf(error) === code
}

/**
 * What the caller is told of a token request that is not a rejection: throttling is 429, everything else 503, both with
 * `Retry-After`; one of our own limits stays what it is. A refusal of what we asked for (scope, grant) is our
 * misconfiguration, so 503 and not 401.
 */
export function tokenFailure (cause: unknown): FastifyError {
  if (isSallyportError(cause) && cause.code.startsWith('SALLYPORT_AUTHENTICATION_') && isOutage(cause)) return cause
  const headers = { 'retry-after': String(retryAfterSeconds(cause)) }
  const error = hasCode(cause, 'SALLYPORT_TOKEN_THROTTLED') ? new ThrottledError({ cause }) : new ServerUnavailableError({ cause })
  return Object.assign(error, { headers })
}

/** Whether an error is worth another try later and says nothing about the caller: an outage, throttling, keys or status unknown. */
export function isOutage (error: unknown): error is FastifyError {
  const status = statusOf(error)
  return status === 503 || status === 429
}

/** Whether an error says that this caller asks too often. */
export function isThrottled (error: unknown): error is FastifyError {
  return statusOf(error) === 429
}

/**
 * Verifies, telling "refused" from "cannot tell".
 * @returns `null` when the token is refused
 * @throws what the verifier throws when it cannot tell (503)
 */
export async function verifyOrNull (verifier: TokenVerifier, accessToken: string): Promise<VerifiedToken | null> {
  try {
    return { accessToken, principal: await verifier.verify(accessToken) }
  } catch (error) {
    if (statusOf(error) === 401) return null
    throw error
  }
}

/**
 * Verifies a token that the authorization server issued a moment ago. If it is refused, issuer and verifier disagree:
 * that is an outage for the operator to mend, not the caller's mistake.
 * @throws {ServerUnavailableError} `SALLYPORT_AUTHENTICATION_SERVER_UNAVAILABLE`
 */
export async function verifyFresh (verifier: TokenVerifier, tokens: TokenSet): Promise<VerifiedToken> {
  try {
    return { accessToken: tokens.accessToken, principal: await verifier.verify(tokens.accessToken) }
  } catch (error) {
    throw statusOf(error) === 401 ? tokenFailure(error) : error
  }
}

/**
 * Whether the token ends within the window, which is at most the last third of its life: with a window as long as the
 * life
 * every request would renew. A token without an expiry never ends.
 */
export function endsSoon (
  { issuedAtSeconds, expiresAtSeconds }: Principal, nowMs: number, windowSeconds: number
): boolean {
  if (expiresAtSeconds === null) return false
  const lastThird = issuedAtSeconds === null ? windowSeconds : (expiresAtSeconds - issuedAtSeconds) / 3
  return expiresAtSeconds * 1000 - nowMs <= Math.min(windowSeconds, lastThird) * 1000
}

function statusOf (error: unknown): unknown {
  return error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
}

function codeOf (error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function retryAfterSeconds (error: unknown): number {
  const seconds = error instanceof Error && 'retryAfterSeconds' in error ? error.retryAfterSeconds : undefined
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds) : DEFAULT_WAIT_SECONDS
}
