/** Headers of which a second one must not be silently dropped: each decides who is calling or where a request ends. */
const SINGLE = new Set(['authorization', 'host', 'content-type', 'content-length', 'transfer-encoding', 'proxy-authorization', 'cookie'])

/**
 * The first header, in lower case, that was sent twice although a decision rests on it; `null` when there is none.
 * Node keeps the first of two and drops the other: only the raw list shows both.
 * @param rawHeaders names and values in turn, as received
 * @see RFC 9110 §5.3
 */
export function duplicateHeader (rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    if (!SINGLE.has(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}
