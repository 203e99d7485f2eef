import { Histogram, type Registry } from '@prometheus-io/client'
import { DURATION_BUCKETS_SECONDS, errorTypeLabel, methodLabel, schemeLabel } from './http-labels.ts'

/** One complete response. */
export interface MeasuredResponse {
  readonly method: string
  /** Value of the label, already bounded. */
  readonly route: string
  readonly statusCode: number
  /** `code` of the error that the response is for. */
  readonly errorCode: string | null
  /** `http` or `https`. */
  readonly scheme: string
  /** The recorded trace of the request. */
  readonly traceId: string | null
}

const REQUEST_LABELS = [
  'http_request_method',
  'http_route',
  'http_response_status_code',
  'error_type',
  'url_scheme'
] as const
type RequestLabel = (typeof REQUEST_LABELS)[number]

/**
 * The histogram `http_server_request_duration_seconds`, with the attributes that the conventions require.
 * @param withExemplars whether a duration can name its trace
 * @see OpenTelemetry HTTP semantic conventions, http.server.request.duration
 */
export function createDurationHistogram(
  registry: Registry,
  withExemplars: boolean
): (seconds: number, response: MeasuredResponse) => void {
  const histogram = new Histogram<RequestLabel | 'trace_id'>({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests',
    labelNames: [...REQUEST_LABELS],
    buckets: [...DURATION_BUCKETS_SECONDS],
    enableExemplars: withExemplars,
    // Not by its constructor: that refuses exemplars in a registry that writes another format by default.
    registers: []
  })
  registry.registerMetric(histogram)
  return function observeDuration(value, { method, route, statusCode, errorCode, scheme, traceId }) {
    const labels = {
      http_request_method: methodLabel(method),
      http_route: route,
      http_response_status_code: statusCode,
      error_type: errorTypeLabel(statusCode, errorCode),
      url_scheme: schemeLabel(scheme)
    }
    if (!withExemplars) histogram.observe(labels, value)
    else if (traceId === null) histogram.observe({ labels, value })
    else histogram.observe({ labels, value, exemplarLabels: { trace_id: traceId } })
  }
}
