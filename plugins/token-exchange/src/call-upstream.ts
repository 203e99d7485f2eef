import { TIMEOUT_HEADER } from '@sallyport/security-context'
import { parseJson, readBody, errorCode } from '@sallyport/security-context/mechanics'
import { type Dispatcher, request } from 'undici'
import { InvalidPathError, UpstreamFailedError, UpstreamTimeoutError } from './errors.ts'

const MAX_UPSTREAM_ANSWER_BYTES = 1024 * 1024
const answerUtf8 = new TextDecoder('utf-8', { fatal: true })
/** `code` or `name` of the failures that are a matter of time. */
const TIMEOUTS: ReadonlyArray<string | null> = [
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'TimeoutError'
]

/** One call of another service. */
export interface UpstreamCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute path with an optional query, in canonical form: variable parts go through `encodeURIComponent`. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** More headers; `authorization` is ours. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What the service answered, whatever its status. */
export interface UpstreamAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Parsed when the media type is JSON, else text. Not validated: it comes from outside this process. */
  readonly body: unknown
}

/** Where a call goes, and under which token. */
export interface UpstreamTarget {
  readonly origin: string
  readonly token: string
  readonly headers: Readonly<Record<string, string>>
  readonly dispatcher: Dispatcher | undefined
  /** The service is told, so that it does not work for longer; without any left it is not called. */
  readonly timeoutMs: number
  /** Ends the call when nobody waits for its answer any more. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Calls a service with a bearer token. No retry, no redirect, at most 1 MiB of answer.
 * @throws `SALLYPORT_TOKEN_PATH_INVALID`, `SALLYPORT_TOKEN_UPSTREAM_FAILED`, `SALLYPORT_TOKEN_UPSTREAM_TIMEOUT`, and
 * the reason of the signal
 */
export async function callUpstream(target: UpstreamTarget, call: UpstreamCall): Promise<UpstreamAnswer> {
  const url = upstreamUrl(target.origin, call.path)
  const { signal: left } = target
  // Timers take whole ms.
  const timeoutMs = Math.ceil(target.timeoutMs)
  const body = call.body === undefined ? undefined : JSON.stringify(call.body)
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...lowerCased(call.headers ?? {}),
    ...target.headers,
    ...(body !== undefined && { 'content-type': 'application/json' }),
    [TIMEOUT_HEADER]: String(timeoutMs),
    authorization: `Bearer ${target.token}`
  }
  if (timeoutMs <= 0) throw new UpstreamTimeoutError({ cause: new Error('The caller has no time left') })
  try {
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = left === undefined ? timeout : AbortSignal.any([timeout, left])
    const response = await request(url, {
      method: call.method,
      headers,
      signal,
      ...(body !== undefined && { body }),
      ...(target.dispatcher && { dispatcher: target.dispatcher })
    })
    const answer = await readBody(response.body, MAX_UPSTREAM_ANSWER_BYTES, signal)
    return {
      statusCode: response.statusCode,
      headers: response.headers,
      body: isJson(response.headers['content-type']) ? parseJson(answer) : answerUtf8.decode(answer)
    }
  } catch (cause) {
    if (left?.aborted === true && left.reason instanceof Error) throw left.reason
    throw isTimeout(cause) ? new UpstreamTimeoutError({ cause }) : new UpstreamFailedError({ cause })
  }
}

/**
 * A path that the URL parser would change, or that leaves the origin, was put together from unescaped input; it would
 * make the service see another resource than the caller's policy was checked for.
 */
function upstreamUrl(origin: string, path: string): URL {
  const url = URL.parse(path, origin)
  const canonical =
    path.startsWith('/') && url !== null && url.origin === new URL(origin).origin && url.pathname + url.search === path
  if (!canonical || /%(2e|2f|5c|00)/i.test(url.pathname) || url.pathname.includes('//')) throw new InvalidPathError()
  return url
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function isJson(contentType: string | string[] | undefined): boolean {
  return typeof contentType === 'string' && /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)
}

function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return TIMEOUTS.includes(error.name) || TIMEOUTS.includes(errorCode(error))
}
