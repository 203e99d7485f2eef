/** How long to wait where nobody says how long, in seconds. */
export const DEFAULT_WAIT_SECONDS = 5
/** Nobody may keep us, or our callers, waiting longer than this. */
const MAX_WAIT_SECONDS = 3600

/** The answer header that tells when to try again. */
export type RetryAfter = Readonly<Record<'retry-after', string>>

/**
 * The header for a wait, in whole seconds from 0 to 3600.
 * @param seconds may be a fraction; what is no number is the default
 * @see RFC 9110 §10.2.3
 */
export function retryAfter(seconds: number = DEFAULT_WAIT_SECONDS): RetryAfter {
  return Object.freeze({ 'retry-after': String(bounded(seconds)) })
}

/**
 * The wait that a `Retry-After` header asks for, in whole seconds from 0 to 3600; `null` when there is none.
 * @param value header value: seconds or an HTTP date
 * @param nowMs epoch in ms
 * @see RFC 9110 §10.2.3
 */
export function parseRetryAfter(value: string | readonly string[] | null | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return null
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Number.isNaN(seconds) ? null : bounded(seconds)
}

/** The error, saying when to try again: in `retryAfterSeconds`, and in the header of the answer that it becomes. */
export function withRetryAfter<Failure extends Error>(
  error: Failure,
  seconds: number = DEFAULT_WAIT_SECONDS
): Failure & { readonly retryAfterSeconds: number; readonly headers: RetryAfter } {
  return Object.assign(error, { retryAfterSeconds: bounded(seconds), headers: retryAfter(seconds) })
}

/** The wait that an error names in `retryAfterSeconds`, else the default. */
export function waitSeconds(error: unknown): number {
  const seconds = error instanceof Error && 'retryAfterSeconds' in error ? error.retryAfterSeconds : undefined
  return typeof seconds === 'number' ? bounded(seconds) : DEFAULT_WAIT_SECONDS
}

function bounded(seconds: number): number {
  if (Number.isNaN(seconds)) return DEFAULT_WAIT_SECONDS
  return Math.min(Math.max(Math.ceil(seconds), 0), MAX_WAIT_SECONDS)
}
