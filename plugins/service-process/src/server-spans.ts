import { SpanKind, SpanStatusCode, type Attributes, type SpanStatus } from '@opentelemetry/api'
import { effectiveRoute } from '@sallyport/security-context'
import { errorCode, errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'

/** Any other is a text of the caller's choice. @see OpenTelemetry semantic conventions, HTTP, `http.request.method` */
const NAMED_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])
const ANSWERED_STATUS = 'http.response.status_code'

/** The span of a request, of few different names. @see OpenTelemetry semantic conventions, HTTP server */
export function serverSpanName(request: FastifyRequest): string {
  const method = NAMED_METHODS.has(request.method) ? request.method : 'HTTP'
  return `${method} ${effectiveRoute(request).url}`.trim()
}

/** What a span says of a request, beside what @fastify/otel says. Neither the query nor a header nor an address. */
export function serverSpanAttributes(request: FastifyRequest): Attributes {
  return {
    ...(!NAMED_METHODS.has(request.method) && {
      'http.request.method': '_OTHER',
      'http.request.method_original': request.method
    }),
    'url.path': pathWithoutQuery(request.url),
    'url.scheme': request.protocol,
    'network.protocol.version': request.raw.httpVersion
  }
}

/** The path of a target: tokens may be in its query. */
export function pathWithoutQuery(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

/** `error.type` of a request that failed because of us; `null` for a refusal, which is no failure of the server. */
export function serverErrorType(error: unknown): string | null {
  const status = errorStatus(error)
  if (status !== null && status < 500) return null
  return errorCode(error) ?? (error instanceof Error ? error.name : '_OTHER')
}

/** What is asked of a finished span. */
interface EndedSpan {
  readonly kind: SpanKind
  readonly status: SpanStatus
  readonly attributes: Attributes
}

/**
 * Whether a span ended in an error. A request that was refused did not, although something was thrown: to refuse is
 * what the server is for.
 * @see OpenTelemetry semantic conventions, HTTP, Status
 */
export function hasFailed({ kind, status, attributes }: EndedSpan): boolean {
  if (status.code !== SpanStatusCode.ERROR) return false
  const answered = attributes[ANSWERED_STATUS]
  return kind !== SpanKind.SERVER || typeof answered !== 'number' || answered >= 500
}

/** `error.type` of a failed request of which nothing was thrown. */
export function fallbackErrorType(span: EndedSpan): Attributes {
  const { kind, attributes } = span
  if (kind !== SpanKind.SERVER || attributes['error.type'] !== undefined || !hasFailed(span)) return {}
  return { 'error.type': String(attributes[ANSWERED_STATUS] ?? '_OTHER') }
}
