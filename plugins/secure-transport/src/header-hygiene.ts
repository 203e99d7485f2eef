/** Headers of which a second one must not be silently dropped: each decides who is calling or where a request ends. */
const SINGLE = [
  'authorization',
  'host',
  'content-type',
  'content-length',
  'transfer-encoding',
  'proxy-authorization',
  'cookie'
]
/** A bit for each: what has been seen is one number, on a path that every request takes. */
const BIT = new Map(SINGLE.map((name, position) => [name, 1 << position]))

/**
 * The first header, in lower case, that was sent twice although a decision rests on it; `null` when there is none.
 * Node keeps the first of two and drops the other: only the raw list shows both.
 * @param rawHeaders names and values in turn, as received
 * @see RFC 9110 §5.3
 */
export function duplicateHeader(rawHeaders: readonly string[]): string | null {
  let seen = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    const bit = BIT.get(name)
    if (bit === undefined) continue
    if ((seen & bit) !== 0) return name
    seen |= bit
  }
  return null
}
