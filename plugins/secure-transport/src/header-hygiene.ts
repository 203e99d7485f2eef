/** Headers whose duplicate must not be silently dropped: each decides who is calling or where a request ends. */
const SINGLE = [
  'authorization',
  'host',
  'content-type',
  'content-length',
  'transfer-encoding',
  'proxy-authorization',
  'cookie'
]
/** One bit each, so that what has been seen is one number: every request takes this path. */
const BIT = new Map(SINGLE.map((name, position) => [name, 1 << position]))

/**
 * The first header, in lower case, that is there twice although it decides something; `null` when there is none. Node
 * keeps the first of two and drops the other: only the raw list shows both.
 * @param rawHeaders names and values alternating, as received
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
