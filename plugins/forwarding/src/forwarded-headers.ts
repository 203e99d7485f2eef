/**
 * What a client may say to a service: representation, conditions and preferences. Everything else stays here, so nobody
 * has to know every name under which a service might read an identity, an address or another path.
 */
const REQUEST_HEADERS = [
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'pragma',
  'prefer',
  'range',
  'user-agent'
] as const

/**
 * Never to be added to the list above: credentials, identities, addresses, routing, framing. `_` stands for `-` in some
 * servers.
 */
const FORBIDDEN =
  /_|^(?:authorization|cookie2?|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|forwarded|via|content-length|traceparent|tracestate|baggage|dpop|client-cert.*|remote-.*|proxy-.*|x-forwarded.*|x-real-ip|x-client-.*|x-original-.*|x-rewrite-.*|x-auth.*|x-user.*|x-remote-.*|x-request-id|x-http-method.*|x-method-override|(?:x-)?sallyport-.*|txn-token)$/

/** Header fields of this connection only. @see RFC 9110 §7.6.1 */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings'
]

/** What a service must not say to clients: cookies, policies and transport belong to the edge. */
const EDGE_ONLY = [
  'set-cookie',
  'set-cookie2',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
  'server',
  'x-powered-by',
  'via',
  'www-authenticate',
  'x-request-id',
  'sallyport-txn',
  'traceparent',
  'tracestate'
]

type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Names from settings that would undo the hygiene; empty when all of them are allowed. */
export function refusedNames(names: readonly string[]): string[] {
  return names.filter(name => FORBIDDEN.test(name.toLowerCase()) || !/^[a-z0-9-]+$/i.test(name))
}

/**
 * The header fields to send to a service: those of the client that may pass, then the gateway's own, which the client
 * cannot remove (a `Connection` header has no effect on them).
 * @param additional lower-case names that also pass in this deployment
 */
export function requestHeaders(
  received: ReceivedHeaders,
  additional: readonly string[],
  own: Readonly<Record<string, string>>
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  const nominated = nominatedBy(received.connection)
  for (const name of [...REQUEST_HEADERS, ...additional]) {
    const value = received[name]
    if (value !== undefined && !nominated.has(name)) headers[name] = value
  }
  return { ...headers, ...own }
}

/** The header fields of a service's answer that a client may see. */
export function responseHeaders(received: ReceivedHeaders): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  const dropped = new Set([...HOP_BY_HOP, ...EDGE_ONLY, ...nominatedBy(received.connection)])
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined && !dropped.has(name.toLowerCase())) headers[name] = value
  }
  return headers
}

/** Fields that `Connection` names. Framing and type of the body are never hop-by-hop, whatever it says. */
function nominatedBy(connection: string | string[] | undefined): Set<string> {
  const names = [connection ?? []]
    .flat()
    .join(',')
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
  return new Set(names.filter(name => name !== 'content-length' && name !== 'content-type'))
}
