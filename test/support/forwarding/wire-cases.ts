import fc from 'fast-check'

/** A request and its service's answer, as bytes in latin1. */
export interface WireCase {
  readonly method: string
  readonly request: string
  /** Written one after another, so that they arrive apart. */
  readonly answer: readonly string[]
  /** The service closes its connection after the answer. */
  readonly closes: boolean
}

const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'TRACE', 'QUERY']
const TARGETS = [
  '/orders',
  '/orders/1',
  '/orders/a%20b?x=1&x=2&y=%2F',
  '/orders/1?',
  '/orders/%2e%2e/1',
  '/orders/..%2f1',
  '//orders',
  'http://a/orders/1',
  '/orders/1#f',
  '/orders/\xe9',
  '/orders/a\\b',
  '*'
]
const REQUEST_NAMES = [
  ...[
    'Accept',
    'accept',
    'ACCEPT',
    'Accept-Encoding',
    'Content-Type',
    'content-type',
    'Content-Encoding',
    'User-Agent'
  ],
  ...['If-None-Match', 'if-none-match', 'If-Modified-Since', 'Range', 'Prefer', 'prefer', 'X-Tenant', 'x-tenant'],
  ...['X_Tenant', 'Authorization', 'Cookie', 'X-Forwarded-For', 'X-Request-Id', 'Sallyport-Txn', 'Traceparent'],
  ...['Connection', 'connection', 'Keep-Alive', 'TE', 'Trailer', 'Expect', 'Upgrade', 'Proxy-Connection', 'Via'],
  ...['HTTP2-Settings', 'Idempotency-Key', 'Last-Event-ID', 'Pragma', 'X-Anything', 'Accept ', 'Set-Cookie']
]
const ANSWER_NAMES = [
  ...['Content-Type', 'ETag', 'etag', 'Cache-Control', 'cache-control', 'Vary', 'vary', 'Location', 'Last-Modified'],
  ...['Set-Cookie', 'Server', 'Via', 'WWW-Authenticate', 'Strict-Transport-Security', 'X-Request-Id', 'Traceparent'],
  ...['Connection', 'connection', 'Keep-Alive', 'Trailer', 'Upgrade', 'Proxy-Authenticate', 'TE', 'Alt-Svc', 'X-A'],
  ...['x-a', 'Content-Encoding', 'Retry-After', 'Content-Range', 'X-Powered-By', 'Sallyport-Txn', '__proto__', 'X_B']
]
const VALUES = [
  ...['a', 'b', '', ' a ', 'a, b', '\xe4', '"1"', 'text/plain', 'application/json; charset=utf-8', 'gzip', 'close'],
  ...['keep-alive', 'Keep-Alive, X-Tenant', 'close, accept, content-type', 'x-a, etag, content-length', 'x-tenant'],
  ...['authorization, host, x-request-id', '100-continue', 'trailers', 'a\tb', 'a\x7fb', 'a\x01b', '/orders/2'],
  ...['/other', 'http://elsewhere.example/', 'chunked', 'h2c', ',', 'a;b=c', 'x'.repeat(300)]
]
const STATUSES = [
  ...[200, 200, 200, 200, 201, 204, 205, 206, 301, 302, 304, 400, 401, 403, 404, 413, 500, 502, 503, 599],
  ...[600, 799, 101, 199]
]
const BODIES = ['', 'hello', '{"a":1}', 'x'.repeat(3000), 'x'.repeat(40_000)]

const field = (names: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(...VALUES)).map(([name, value]) => `${name}: ${value}`)

const fields = (names: readonly string[]): fc.Arbitrary<string[]> => fc.array(field(names), { maxLength: 7 })

/** A body as it is framed: header lines, and bytes. */
interface Framed {
  readonly lines: readonly string[]
  readonly bytes: string
}

function chunked(
  body: string,
  size: number,
  more: { extension?: string; trailer?: string; end?: string } = {}
): Framed {
  const { extension = '', trailer = '', end = '0' } = more
  const parts: string[] = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size)
    parts.push(`${part.length.toString(16)}${extension}\r\n${part}\r\n`)
  }
  return { lines: ['Transfer-Encoding: chunked'], bytes: `${parts.join('')}${end}\r\n${trailer}\r\n` }
}

function exact(body: string): Framed {
  return { lines: [`Content-Length: ${body.length}`], bytes: body }
}

const requestBody: fc.Arbitrary<Framed> = fc
  .tuple(fc.constantFrom(...BODIES), fc.constantFrom(1, 7, 4096), fc.nat(9))
  .map(([body, size, kind]) => {
    if (body.length > size * 100) return exact(body)
    if (kind < 3) return { lines: [], bytes: '' }
    if (kind === 3) return chunked(body, size, { extension: ';a=b', trailer: 'X-Tenant: planted\r\n' })
    if (kind === 4) return chunked(body, size, { end: 'zz' })
    if (kind === 5) {
      return { lines: [...exact(body).lines, ...chunked(body, size).lines], bytes: chunked(body, size).bytes }
    }
    if (kind === 6) return { lines: ['Content-Length: 5', 'Content-Length: 6'], bytes: 'hello!' }
    return kind === 7 ? chunked(body, size) : exact(body)
  })

interface FramedAnswer extends Framed {
  readonly closes: boolean
}

const answerBody: fc.Arbitrary<FramedAnswer> = fc
  .tuple(fc.constantFrom(...BODIES), fc.constantFrom(1, 7, 4096), fc.nat(11))
  .map(([body, size, kind]) => {
    const framed = body.length > size * 100 ? exact(body) : chunked(body, size)
    if (kind === 0) return { lines: [], bytes: body, closes: true }
    if (kind === 1) return { lines: [`Content-Length: ${body.length + 10}`], bytes: body, closes: true }
    if (kind === 2) return { ...chunked(body.slice(0, 50), 7, { end: 'zz' }), closes: true }
    if (kind === 3) return { ...chunked(body.slice(0, 50), 7, { trailer: 'X-A: planted\r\n' }), closes: false }
    if (kind === 4) return { lines: framed.lines, bytes: framed.bytes.slice(0, -3), closes: true }
    if (kind === 5) {
      return { ...exact(body), bytes: `${body}HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nplanted`, closes: false }
    }
    return kind < 8 ? { ...framed, closes: false } : { ...exact(body), closes: kind === 8 }
  })

/** Cases in which everything may be wrong. */
export const wireCases: fc.Arbitrary<WireCase> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    target: fc.constantFrom(...TARGETS),
    version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    given: fields(REQUEST_NAMES),
    sent: requestBody,
    status: fc.constantFrom(...STATUSES),
    hints: fc.nat(3),
    answered: fields(ANSWER_NAMES),
    body: answerBody,
    cuts: fc.array(fc.nat(300), { maxLength: 3 })
  })
  .map(({ method, target, version, given, sent, status, hints, answered, body, cuts }) => {
    const isBodiless = method === 'HEAD' || status === 204 || status === 304
    const request = [`${method} ${target} HTTP/${version}`, 'Host: a', ...given, ...sent.lines, '', sent.bytes]
    const head = [`HTTP/1.1 ${status} Text`, ...answered, ...body.lines, '', '']
    const bytes = `${'HTTP/1.1 103 Early Hints\r\nX-A: planted\r\n\r\n'.repeat(hints === 0 ? 1 : 0)}${head.join('\r\n')}${isBodiless ? '' : body.bytes}`
    return { method, request: request.join('\r\n'), answer: cutAt(bytes, cuts), closes: body.closes }
  })

function cutAt(bytes: string, cuts: readonly number[]): string[] {
  const places = [...new Set([0, ...cuts.filter(at => at < bytes.length), bytes.length])].sort((a, b) => a - b)
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}
