import { validateHeaderName, validateHeaderValue } from 'node:http'

const ROUTE_SEGMENT = /^(?:[A-Za-z0-9._~!$&'()+,;=@-]+|:[A-Za-z_][A-Za-z0-9_]*)$/

/** Scheme, host and port and nothing else. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** An origin as browsers send it, `null` excluded: every sandboxed page has that. @see RFC 6454 §7 */
export function isCorsOrigin(text: string): boolean {
  return isOrigin(text)
}

/** A name or an address with or without a port. */
export function isHost(text: string): boolean {
  return URL.canParse(`http://${text}`) && /^[A-Za-z0-9._-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/.test(text)
}

/** One word of visible ASCII characters without quotes and backslashes. @see RFC 6749 §3.3 */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text)
}

/** A path of a route: segments, parameters such as `:id`, and `*` as the last segment. */
export function isRoutePath(text: string): boolean {
  if (text === '/' || text === '/*') return true
  const withoutRest = text.endsWith('/*') ? text.slice(0, -2) : text
  return (
    withoutRest.startsWith('/') &&
    withoutRest
      .slice(1)
      .split('/')
      .every(segment => isSegment(segment))
  )
}

/** A path at a service, without parameters. */
export function isPath(text: string): boolean {
  return text === '/' || (isRoutePath(text) && !text.includes('*') && !text.includes('/:'))
}

/** A path at a service, which may have parameters. */
export function isComposedPath(text: string): boolean {
  return isRoutePath(text) && !text.includes('*')
}

function isSegment(segment: string): boolean {
  return ROUTE_SEGMENT.test(segment) && segment !== '.' && segment !== '..'
}

/** @see RFC 9110 §5.6.2 */
export function isFieldName(text: string): boolean {
  return isAccepted(() => {
    validateHeaderName(text)
  })
}

/** @see RFC 9110 §5.5 */
export function isFieldValue(text: string): boolean {
  return isAccepted(() => {
    validateHeaderValue('x', text)
  })
}

function isAccepted(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
