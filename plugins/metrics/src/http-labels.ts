/**
 * The methods that get a label of their own. @see OpenTelemetry HTTP semantic conventions, http.request.method; RFC
 * 9110 §9, RFC 5789
 */
const KNOWN_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'])
const STABLE_CODE = /^(?:SALLYPORT|FST)_[A-Z0-9_]{1,80}$/

/** Bucket bounds in seconds. @see OpenTelemetry HTTP semantic conventions, http.server.request.duration */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
]

/** `http_request_method`: anybody can invent methods, so those that are not known share one label. */
export function methodLabel(method: string): string {
  return KNOWN_METHODS.has(method) ? method : '_OTHER'
}

/** `http_route`: the pattern of the matched route, never the path; everything that matches none is `unmatched`. */
export function routeLabel(pattern: string | undefined): string {
  return pattern === undefined || pattern === '' ? 'unmatched' : pattern
}

/**
 * `error_type`: empty for what is not our error (below 500, as the conventions say for servers), else the error's
 * stable code or, where there is none, the status. Texts and codes of other packages stay out: they may hold anything.
 */
export function errorTypeLabel(statusCode: number, errorCode: string | null): string {
  if (statusCode < 500) return ''
  return errorCode !== null && STABLE_CODE.test(errorCode) ? errorCode : String(statusCode)
}

/** `url_scheme`: a proxy in front may have said which, so that only the two that can be are let through. */
export function schemeLabel(scheme: string): string {
  return scheme === 'https' ? 'https' : 'http'
}
