import { KeyInvalidError } from './errors.ts'

const LONGEST_KEY = 255
/** A string of structured fields, without parameters. @see RFC 8941 §3.3.3 */
const QUOTED_KEY = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/
/** What many clients send: a UUID or the like without quotes. */
const BARE_KEY = /^[A-Za-z0-9._~-]+$/

/**
 * The key of an `Idempotency-Key` header. Without its quotes it is the same key, as long as it needs none.
 * @param header value as received; several header lines arrive as one with commas, which is no key
 * @returns 1 to 255 printable ASCII characters
 * @throws {KeyInvalidError} `SALLYPORT_IDEMPOTENCY_KEY_INVALID`
 * @see draft-ietf-httpapi-idempotency-key-header-06 §2.1
 */
export function parseIdempotencyKey(header: string | readonly string[]): string {
  const text = typeof header === 'string' ? header : header.join(', ')
  const key = BARE_KEY.test(text) ? text : QUOTED_KEY.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1')
  if (key === undefined || key === '' || key.length > LONGEST_KEY) throw new KeyInvalidError()
  return key
}
