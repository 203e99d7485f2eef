import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a person waits for this page: a browser goes there as a whole, so that it can be sent on to a login. What
 * scripts fetch, forms post, and frames or images load is no page: a redirect to another origin would only fail there.
 * @see W3C Fetch Metadata Request Headers, `Sec-Fetch-Mode`, `Sec-Fetch-Dest`
 */
export function asksForPage(method: string, headers: IncomingHttpHeaders): boolean {
  if (method !== 'GET' || headers.upgrade !== undefined || headers['x-requested-with'] !== undefined) return false
  return isNavigation(headers) && acceptsHtml(headers.accept)
}

/** Whether a browser goes there as a whole, as far as it says: what sends no fetch metadata may be anything. */
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-dest': destination = 'document' } = headers
  return mode === 'navigate' && destination === 'document'
}

/** Whether a page is asked for by name; a wildcard, which every client sends, does not count. @see RFC 9110 §12.5.1 */
export function acceptsHtml(accept = ''): boolean {
  return accept.split(',').some(range => {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
    return type === 'text/html' && !parameters.some(parameter => /^q=0(?:\.0*)?$/.test(parameter))
  })
}
