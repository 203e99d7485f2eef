import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel'
import { randomSpanId } from '@sallyport/security-context'
import { CommonAttributes, type CommonFacts } from './common-attributes.ts'
import { isSampledFlag, readTraceparent, traceparentOf, type NamedSpan } from './place-in-trace.ts'
import { errorTypeOf, pathWithoutQuery } from './server-spans.ts'
import { CLIENT_KIND, NOTHING, type SpanAttributes } from './span-record.ts'
import type { SpanRecorder } from './span-recorder.ts'
import { TRACER_NAME } from './tracing-contract.ts'

const CALL = Symbol('sallyport.service-process.followedCall')
const MOST_PLACES = 1000
const NAME_LENGTH = 'traceparent'.length

/** What is used of undici's request, which its diagnostics channels publish. */
interface PublishedRequest {
  readonly origin: string | URL
  readonly path: string
  readonly method: string
  /** Names and values in turn, as they are about to be written. */
  readonly headers: unknown[]
  /** A slot and not a weak map, of which an entry per call costs the garbage collector more than the span. */
  [CALL]?: FollowedCall | null
}

/** A call under way: its span is made when it ends. */
interface FollowedCall {
  readonly parent: NamedSpan
  readonly spanId: string
  readonly startMs: number
  statusCode: number | null
}

/** Where calls of one origin go. */
interface CallPlace {
  readonly origin: string
  readonly common: CommonAttributes
  readonly describe: (facts: CommonFacts) => SpanAttributes
}

/**
 * Makes a client span of every call that undici sends under a request: forwarded requests, calls of services, token
 * requests, introspection, keys. The parent is what the `traceparent` of the call names, because forwarding has no
 * asynchronous context; else the running code. A call of nobody's request, of a timer, has no span. The answering
 * service gets the id of this span. Attributes have neither the query nor a header.
 * @returns ends it
 * @see OpenTelemetry semantic conventions, HTTP client
 */
export function followCalls(recorder: SpanRecorder): () => void {
  const placeOf = rememberPlaces()

  function begin(request: PublishedRequest): void {
    const at = indexOfTraceparent(request.headers)
    const parent = parentOfCall(at === -1 ? null : request.headers[at + 1])
    if (parent === null) return
    const call = { parent, spanId: randomSpanId(), startMs: performance.now(), statusCode: null }
    const traceparent = traceparentOf({ ...parent, spanId: call.spanId })
    if (at === -1) request.headers.push('traceparent', traceparent)
    else request.headers[at + 1] = traceparent
    request[CALL] = call
  }

  /** Most calls carry what their request was given to carry: then nothing has to be read. */
  function parentOfCall(header: unknown): NamedSpan | null {
    const active = recorder.active()
    return header === null || (active !== null && header === active.header) ? active : readTraceparent(header)
  }

  function end(request: PublishedRequest, error: unknown): void {
    const call = request[CALL]
    if (call === undefined || call === null) return
    request[CALL] = null
    const { parent, spanId, startMs, statusCode } = call
    const isRefused = statusCode !== null && statusCode >= 400
    const hasFailed = isRefused || error !== null
    const isSampled = isSampledFlag(parent.flags)
    if (!isSampled && !hasFailed) return
    const { origin, common, describe } = placeOf(request.origin)
    const target = ['url.full', origin + pathWithoutQuery(request.path)]
    recorder.record({
      traceId: parent.traceId,
      spanId,
      parentSpanId: parent.spanId,
      state: null,
      isSampled,
      hasFailed,
      scope: TRACER_NAME,
      name: request.method,
      kind: CLIENT_KIND,
      startMs,
      endMs: performance.now(),
      common: common.of({ method: request.method, statusCode, protocol: '', version: '' }, describe),
      attributes: error === null ? target : [...target, 'error.type', errorTypeOf(error)],
      events: NOTHING,
      links: NOTHING
    })
  }

  return subscribeAll({
    'undici:request:create': message => {
      if (isPublished(message)) begin(message.request)
    },
    'undici:request:headers': message => {
      if (!isPublished(message) || !isAnswer(message)) return
      const call = message.request[CALL]
      if (call !== undefined && call !== null) call.statusCode = message.response.statusCode
    },
    'undici:request:trailers': message => {
      if (isPublished(message)) end(message.request, null)
    },
    'undici:request:error': message => {
      if (isPublished(message)) end(message.request, 'error' in message ? message.error : null)
    }
  })
}

function subscribeAll(listeners: Readonly<Record<string, ChannelListener>>): () => void {
  for (const [channel, listener] of Object.entries(listeners)) subscribe(channel, listener)
  return () => {
    for (const [channel, listener] of Object.entries(listeners)) unsubscribe(channel, listener)
  }
}

function rememberPlaces(): (given: string | URL) => CallPlace {
  const places = new Map<string, CallPlace>()
  return given => {
    const origin = String(given)
    const known = places.get(origin)
    if (known !== undefined) return known
    const place = callPlace(origin)
    if (places.size < MOST_PLACES) places.set(origin, place)
    return place
  }
}

function callPlace(given: string): CallPlace {
  const { origin, hostname: address, port, protocol } = new URL(given)
  const server = ['server.address', address, 'server.port', Number(port) || (protocol === 'https:' ? 443 : 80)]
  return {
    origin,
    common: new CommonAttributes(),
    describe({ method, statusCode }) {
      const call = ['http.request.method', method, ...server]
      if (statusCode === null) return call
      const answered = [...call, 'http.response.status_code', statusCode]
      return statusCode < 400 ? answered : [...answered, 'error.type', String(statusCode)]
    }
  }
}

function indexOfTraceparent(headers: readonly unknown[]): number {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]
    if (typeof name === 'string' && name.length === NAME_LENGTH && name.toLowerCase() === 'traceparent') return at
  }
  return -1
}

function isPublished(message: unknown): message is { readonly request: PublishedRequest } {
  return typeof message === 'object' && message !== null && 'request' in message && isRequest(message.request)
}

const isRequest = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'headers' in value && Array.isArray(value.headers)

function isAnswer(message: object): message is { readonly response: { readonly statusCode: number } } {
  if (!('response' in message)) return false
  const { response } = message
  return (
    typeof response === 'object' &&
    response !== null &&
    'statusCode' in response &&
    typeof response.statusCode === 'number'
  )
}
