import { effectiveRoute, type EffectiveRoute } from '@sallyport/security-context'
import { errorCode, errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyRequest } from 'fastify'
import type { PlaceInTrace } from './place-in-trace.ts'
import { CommonAttributes, type CommonFacts } from './common-attributes.ts'
import { NOTHING, SERVER_KIND, type SpanAttributes, type SpanRecord, type SpanValue } from './span-record.ts'
import { TRACER_NAME } from './tracing-contract.ts'

/** Any other is a text of the caller's choice. @see OpenTelemetry semantic conventions, HTTP, `http.request.method` */
const NAMED_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])

/** What the spans of a server are made with. */
export interface ServerSpans {
  /** The span of a request that was answered. */
  readonly answered: (request: FastifyRequest, place: PlaceInTrace, statusCode: number) => SpanRecord
  /** The span of a request whose client left before the answer was complete. */
  readonly aborted: (request: FastifyRequest, place: PlaceInTrace) => SpanRecord
}

interface RequestEnd {
  readonly hasFailed: boolean
  readonly errorType: string | null
  readonly statusCode: number | null
}

/**
 * Makes the spans of requests that have ended. Neither a query nor a header nor an address is in them. A refusal is no
 * failure: to refuse is what the server is for.
 * @see OpenTelemetry semantic conventions, HTTP server, Status
 */
export function createServerSpans(serviceName: string): ServerSpans {
  const ofRoutes = new WeakMap<EffectiveRoute, CommonAttributes>()

  function commonAttributes(request: FastifyRequest, route: EffectiveRoute, statusCode: number | null): SpanAttributes {
    const known = ofRoutes.get(route) ?? new CommonAttributes()
    ofRoutes.set(route, known)
    const facts = { method: request.method, statusCode, protocol: request.protocol, version: request.raw.httpVersion }
    return known.of(facts, asked => serverAttributes(asked, route, serviceName))
  }

  function serverSpan(request: FastifyRequest, place: PlaceInTrace, end: RequestEnd): SpanRecord {
    const { hasFailed, errorType, statusCode } = end
    const route = effectiveRoute(request)
    const attributes: Array<string | SpanValue> = ['url.path', pathWithoutQuery(request.url)]
    if (place.namesTransaction) attributes.push('sallyport.txn', request.txn)
    if (errorType !== null) attributes.push('error.type', errorType)
    const added = place.added?.() ?? null
    if (added !== null) attributes.push(...added.attributes)
    const links = place.link === null ? NOTHING : [place.link]
    return {
      traceId: place.traceId,
      spanId: place.spanId,
      parentSpanId: place.parentSpanId,
      state: place.state,
      isSampled: place.isSampled,
      hasFailed,
      scope: TRACER_NAME,
      name: added?.name ?? serverSpanName(request.method, route),
      kind: SERVER_KIND,
      startMs: place.startMs,
      endMs: performance.now(),
      common: commonAttributes(request, route, statusCode),
      attributes,
      events: added?.events ?? NOTHING,
      links: added === null ? links : [...links, ...added.links]
    }
  }

  return {
    answered(request, place, statusCode) {
      const hasFailed = statusCode >= 500
      const errorType = place.errorType ?? (hasFailed ? String(statusCode) : null)
      return serverSpan(request, place, { hasFailed, errorType, statusCode })
    },
    aborted: (request, place) =>
      serverSpan(request, place, { hasFailed: false, errorType: 'aborted', statusCode: null })
  }
}

/** Of few different values. @see OpenTelemetry semantic conventions, HTTP server, Name */
function serverSpanName(method: string, { url }: EffectiveRoute): string {
  return `${NAMED_METHODS.has(method) ? method : 'HTTP'} ${url}`.trim()
}

function serverAttributes(
  { method, statusCode, protocol, version }: CommonFacts,
  { found, url }: EffectiveRoute,
  serviceName: string
): SpanAttributes {
  const isNamed = NAMED_METHODS.has(method)
  return [
    ...['http.request.method', isNamed ? method : '_OTHER'],
    ...(isNamed ? [] : ['http.request.method_original', method]),
    ...(found ? ['http.route', url] : []),
    ...['url.scheme', protocol, 'network.protocol.version', version],
    ...(statusCode === null ? [] : ['http.response.status_code', statusCode]),
    ...['service.name', serviceName]
  ]
}

/** The path of a target: tokens may be in its query. */
export function pathWithoutQuery(target: string): string {
  const query = target.indexOf('?')
  return query === -1 ? target : target.slice(0, query)
}

/** `error.type` of a request that failed because of us; `null` for a refusal, which is no failure of the server. */
export function serverErrorType(error: unknown): string | null {
  const status = errorStatus(error)
  return status !== null && status < 500 ? null : errorTypeOf(error)
}

/** The kind of an error: what its message says may be anything. */
export function errorTypeOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.name : '_OTHER')
}
