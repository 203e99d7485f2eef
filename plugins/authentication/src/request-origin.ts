import type { IncomingHttpHeaders } from 'node:http'
import type { EndUserConnection } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether the method changes something. A connection upgrade counts: a WebSocket opened by another site's page would be
 * driven by that page under the user's cookies.
 */
export function isUnsafe(method: string, headers: IncomingHttpHeaders): boolean {
  return !SAFE_METHODS.has(method) || headers.upgrade !== undefined
}

/**
 * Whether a page's script or form sent this: only browsers send fetch metadata, and scripts cannot forge it or
 * `Origin`.
 */
export function isBrowser(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || Object.keys(headers).some(name => name.startsWith('sec-fetch-'))
}

/**
 * Whether the browser says that a page of one of our own origins sent this.
 *
 * `Sec-Fetch-Site` decides where it is sent. `none` (typed into the address bar, an extension) names no page, so
 * `Origin` decides then, as it does for browsers without fetch metadata. `same-site` is another origin: a sibling
 * subdomain is not us.
 * @see W3C Fetch Metadata Request Headers, `Sec-Fetch-Site`
 */
export function isSameOrigin(headers: IncomingHttpHeaders, ownOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  if (site === 'same-origin') return true
  if (site !== undefined && site !== 'none') return false
  return headers.origin !== undefined && ownOrigins.includes(headers.origin)
}

/**
 * Whether a request by cookie may change something: from our own origin, or with the header that no foreign page can
 * add without a CORS preflight that nobody answers.
 * @param csrfHeader in lower case
 */
export function isCsrfSafe(headers: IncomingHttpHeaders, ownOrigins: readonly string[], csrfHeader: string): boolean {
  return isSameOrigin(headers, ownOrigins) || headers[csrfHeader] === '1'
}

/**
 * The app's own origins: those configured, or the one that the request was sent to, as a browser spells it (without a
 * default port).
 */
export function ownOrigins(
  configured: readonly string[] | undefined,
  { protocol, host }: FastifyRequest
): readonly string[] {
  if (configured !== undefined) return configured
  const url = `${protocol}://${host}`
  return host !== '' && URL.canParse(url) ? [new URL(url).origin] : []
}

/** Every mistake in configured origins, in words for the operator. */
export function originMistakes(option: string, origins: readonly string[] = []): string[] {
  return origins
    .filter(origin => URL.parse(origin)?.origin !== origin)
    .map(origin => `${option}: ${origin} is not an origin`)
}

/** Whether a page of another origin sent this. Clients that are not browsers say nothing and are not foreign. */
export function isForeign(headers: IncomingHttpHeaders, ownOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  const says = headers.origin !== undefined || (site !== undefined && site !== 'none')
  return says && !isSameOrigin(headers, ownOrigins)
}

/** What the authorization server may know of the end user's connection. */
export function requestConnection(request: FastifyRequest): EndUserConnection {
  const userAgent = request.headers['user-agent']
  return { sourceAddress: request.ip, ...(userAgent === undefined ? {} : { userAgent }) }
}
