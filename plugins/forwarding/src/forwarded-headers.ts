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
  /_|^(?:authorization|cookie2?|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|forwarded|via|content-length|traceparent|tracestate|baggage|dpop|client-cert.*|remote-.*|proxy-.*|x-forwarded.*|x-real-ip|x-client-.*|x-original-.*|x-rewrite-.*|x-auth.*|x-user.*|x-remote-.*|x-request-id|x-http-method.*|x-method-override|(?:x-)?sallyport-.*|sec-websocket-.*|txn-token)$/

/** Header fields of this connection only. @see RFC 9110 §7.6.1 */
const HOP_BY_HOP: readonly string[] = [
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
const EDGE_ONLY: readonly string[] = [
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
  'tracestate',
  // Which pages may read an answer is said by the route.
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-expose-headers',
  'access-control-max-age'
]

const KEPT_FROM_CLIENTS: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...EDGE_ONLY])

/** What describes a body, in a request that has one. */
const BODY_FIELDS: readonly string[] = ['content-encoding', 'content-length', 'content-type']

/** Of these Node takes the first line of a request and drops the others. All other lines of one name are one list. */
const FIRST_LINE_ONLY: ReadonlySet<string> = new Set([
  'age',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'referer',
  'retry-after',
  'server',
  'user-agent'
])

/** `Connection` values that name no field. */
const PERSISTENCE = /^(?:keep-alive|close)$/i

const NOT_ALLOWED = /[^\t\x20-\x7E\x80-\xFF]/
const ALL_NOT_ALLOWED = /[^\t\x20-\x7E\x80-\xFF]/g

type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Lower-case names of the request headers that pass, under their usual spellings too. */
export interface PassingNames {
  readonly withBody: ReadonlyMap<string, string>
  /** For GET and HEAD, whose bodies Fastify does not read: the next hop must not expect one. */
  readonly withoutBody: ReadonlyMap<string, string>
}

/** Names from settings that would undo the hygiene; empty when all of them are allowed. */
export function refusedNames(names: readonly string[]): string[] {
  return names.filter(name => FORBIDDEN.test(name.toLowerCase()) || !/^[a-z0-9-]+$/i.test(name))
}

/**
 * The request headers that pass in a deployment.
 * @param additional lower-case names beside the built-in ones; those that would undo the hygiene are left out
 * @param replaced lower-case names of what is set here, whatever the client says
 */
export function passingNames(additional: readonly string[], replaced: readonly string[] = []): PassingNames {
  const allowed = [...REQUEST_HEADERS, ...additional.filter(name => refusedNames([name]).length === 0)]
  const names = allowed.filter(name => !replaced.includes(name))
  const spellings = (passing: readonly string[]): ReadonlyMap<string, string> =>
    new Map(passing.flatMap(name => [[name, name] as const, [capitalised(name), name] as const]))
  return { withBody: spellings(names), withoutBody: spellings(names.filter(name => !BODY_FIELDS.includes(name))) }
}

/**
 * The header fields of a client that a service gets: names and values in turn, ready for the gateway to add its own. A
 * `Connection` header has an effect on these only, and none on what the gateway adds.
 * @param rawHeaders names and values in turn, as they were received
 */
export function clientFields(rawHeaders: readonly string[], passing: ReadonlyMap<string, string>): string[] {
  const fields: string[] = []
  let connection = ''
  for (let at = 1; at < rawHeaders.length; at += 2) {
    const written = rawHeaders[at - 1] ?? ''
    const value = rawHeaders[at] ?? ''
    const name = passing.get(written) ?? passing.get(written.toLowerCase())
    if (name !== undefined) addField(fields, name, value)
    else if (written.length === 10 && written.toLowerCase() === 'connection') {
      connection = connection === '' ? value : `${connection},${value}`
    }
  }
  return connection === '' || PERSISTENCE.test(connection) ? fields : withoutNominated(fields, connection)
}

/**
 * The header fields of a service's answer that a client may see.
 * @param asksForProof whether the service asks the client itself to prove who it is: then its challenges are among them
 */
export function responseHeaders(received: ReceivedHeaders, asksForProof = false): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  const { connection } = received
  const isPlain = connection === undefined || (typeof connection === 'string' && PERSISTENCE.test(connection))
  const nominated = isPlain ? null : nominatedBy(connection)
  for (const name in received) {
    const value = received[name]
    if (value === undefined || KEPT_FROM_CLIENTS.has(name) || nominated?.has(name) === true) continue
    headers[name] = typeof value === 'string' ? allowedText(value) : value.map(allowedText)
  }
  const { 'www-authenticate': challenge } = received
  // RFC 9110 §15.5.2: a 401 has one.
  if (asksForProof && challenge !== undefined) headers['www-authenticate'] = [challenge].flat().map(allowedText)
  return headers
}

/** A value without the characters that no header may have: Node refuses a head with one. @see RFC 9110 §5.5 */
function allowedText(value: string): string {
  return NOT_ALLOWED.test(value) ? value.replaceAll(ALL_NOT_ALLOWED, '') : value
}

function addField(fields: string[], name: string, value: string): void {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at] !== name) continue
    if (!FIRST_LINE_ONLY.has(name)) fields[at + 1] = `${fields[at + 1]}, ${value}`
    return
  }
  fields.push(name, value)
}

function withoutNominated(fields: readonly string[], connection: string): string[] {
  const nominated = nominatedBy(connection)
  return fields.filter((_text, at) => !nominated.has(fields[at - (at % 2)] ?? ''))
}

/** Fields that `Connection` names. Framing and type of the body are never hop-by-hop, whatever it says. */
function nominatedBy(connection: string | string[]): Set<string> {
  const names = [connection]
    .flat()
    .join(',')
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
  return new Set(names.filter(name => name !== 'content-length' && name !== 'content-type'))
}

/** `If-None-Match` for `if-none-match`: how most clients that do not write lower case write it. */
function capitalised(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, letter => letter.toUpperCase())
}
