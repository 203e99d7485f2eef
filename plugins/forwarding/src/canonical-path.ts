/**
 * Raw characters of a path segment, without `;` (every router reads path parameters differently). @see RFC 3986 §3.3
 */
const RECEIVED_SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+$/
/** Visible ASCII except `#`: a request has no fragment. */
const QUERY = /^[\x21\x22\x24-\x7e]*$/
/**
 * Characters that may not arrive encoded: delimiters and dots (the path would have two readings), `%` (double
 * encoding), control characters, and what needs no encoding at all (`%61dmin` and `admin` would be decided
 * differently).
 */
const NEVER_ENCODED = /[\p{Cc}/\\.;%?#A-Za-z0-9\-_~]/u

/** A path of letters, digits and the like, without a query: it has nothing that {@link targetMistake} looks for. */
const PLAIN_PATH = /^(?:\/[\w~-][\w~.-]*)+\/?$/

/**
 * Why a request target has more than one reading, `null` when every parser agrees on it. What passes here is routed,
 * decided and forwarded byte for byte.
 * @param target the request target as received, with its query
 * @see RFC 3986 §6.2.2, RFC 9112 §3.2.1
 */
export function targetMistake(target: string): string | null {
  if (PLAIN_PATH.test(target)) return null
  const queryAt = target.indexOf('?')
  const path = queryAt === -1 ? target : target.slice(0, queryAt)
  if (queryAt !== -1 && !QUERY.test(target.slice(queryAt + 1))) return 'query-character'
  if (!path.startsWith('/')) return 'not-origin-form'
  if (path === '/') return null
  const segments = path.slice(1).split('/')
  // One slash at the end is a different resource, not a different reading.
  if (segments.at(-1) === '') segments.pop()
  for (const segment of segments) {
    const mistake = segmentMistake(segment)
    if (mistake !== null) return mistake
  }
  return null
}

function segmentMistake(segment: string): string | null {
  if (segment === '') return 'empty-segment'
  if (segment === '.' || segment === '..') return 'dot-segment'
  if (!RECEIVED_SEGMENT.test(segment)) return 'path-character'
  if (!segment.includes('%')) return null
  for (const [escape] of segment.matchAll(/%[0-7][0-9A-Fa-f]/g)) {
    if (NEVER_ENCODED.test(String.fromCharCode(parseInt(escape.slice(1), 16)))) return 'needless-or-ambiguous-encoding'
  }
  try {
    decodeURIComponent(segment)
    return null
  } catch {
    return 'encoding-not-utf-8'
  }
}
