import { Histogram, type Registry } from '@prometheus-io/client'
import { DURATION_BUCKETS_SECONDS, errorTypeLabel, methodLabel } from './http-labels.ts'

/** One complete response. */
export interface MeasuredResponse {
  readonly method: string
  /** Value of the label, already bounded. */
  readonly route: string
  readonly statusCode: number
  /** `code` of the error that the response is for. */
  readonly errorCode: string | null
}

/**
 * The histogram `http_server_request_duration_seconds`. @see OpenTelemetry HTTP semantic conventions,
 * http.server.request.duration
 */
export function createDurationHistogram(registry: Registry): (seconds: number, response: MeasuredResponse) => void {
  const histogram = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'error_type'],
    buckets: [...DURATION_BUCKETS_SECONDS],
    registers: [registry]
  })
  return function observeDuration(seconds, { method, route, statusCode, errorCode }) {
    histogram.observe(
      {
        http_request_method: methodLabel(method),
        http_route: route,
        http_response_status_code: statusCode,
        error_type: errorTypeLabel(statusCode, errorCode)
      },
      seconds
    )
  }
}
