/** What a request's Authorization header holds. */
export type AuthorizationHeader =
  | { readonly kind: 'none' }
  /** More than one header of that name: Node would keep the first silently, another hop perhaps the last. */
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'credentials'; /** Lower case. */ readonly scheme: string; readonly value: string }

/** The header as a strategy gets it: there, or not. */
export type PresentedAuthorization = Exclude<AuthorizationHeader, { kind: 'ambiguous' }>

const NONE: AuthorizationHeader = Object.freeze({ kind: 'none' })
const AMBIGUOUS: AuthorizationHeader = Object.freeze({ kind: 'ambiguous' })

/**
 * Reads the one Authorization header of a request: once, for all strategies. The scheme is case-insensitive; what
 * follows it is not touched.
 * @param rawHeaders names and values in turn, as received
 * @see RFC 9110 §11.4
 */
export function readAuthorization(rawHeaders: readonly string[]): AuthorizationHeader {
  let header: string | null = null
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (header !== null) return AMBIGUOUS
    header = rawHeaders[at + 1] ?? ''
  }
  return header === null ? NONE : splitCredentials(header)
}

const TAB = 9
const SPACE = 32

/** By character codes: this runs for each request, and patterns cost several times as much. */
function splitCredentials(header: string): AuthorizationHeader {
  let start = 0
  while (isBlank(header.charCodeAt(start))) start++
  let end = start
  while (end < header.length && !isBlank(header.charCodeAt(end))) end++
  let value = end
  while (header.charCodeAt(value) === SPACE) value++
  return { kind: 'credentials', scheme: header.slice(start, end).toLowerCase(), value: header.slice(value) }
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
