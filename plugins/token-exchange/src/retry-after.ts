/** No server may keep us waiting longer than this. */
const MAX_SECONDS = 3600

/**
 * The wait that a `Retry-After` header asks for, in whole seconds between 0 and 3600; `null` when there is none.
 * @param value header value: seconds or an HTTP date
 * @param nowMs epoch in ms
 * @see RFC 9110 §10.2.3
 */
export function retryAfterSeconds (value: string | string[] | undefined, nowMs: number): number | null {
  if (typeof value !== 'string') return null
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Number.isNaN(seconds) ? null : Math.min(Math.max(Math.ceil(seconds), 0), MAX_SECONDS)
}
