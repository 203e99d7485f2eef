import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel'
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer
} from '@opentelemetry/api'
import { errorCode } from '@sallyport/security-context/mechanics'
import { pathWithoutQuery } from './server-spans.ts'
import { contextOfTraceparent, isSampled, traceparentOf } from './traceparent.ts'

const SPAN = Symbol('sallyport.service-process.callSpan')
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
  [SPAN]?: Span | null
}

/** Where calls of one origin go. */
interface CallPlace {
  readonly origin: string
  readonly attributes: Attributes
}

/**
 * Makes a client span of every call that undici sends under a request: forwarded requests, calls of services, token
 * requests, introspection, keys. The parent is what the `traceparent` of the call names, because forwarding has no
 * asynchronous context; else the running code. A call of nobody's request, of a timer, has no span. The answering
 * service gets the id of this span. Attributes have neither the query nor a header.
 * @returns ends it
 * @see OpenTelemetry semantic conventions, HTTP client
 */
export function followCalls(tracer: Tracer): () => void {
  const places = new Map<string, CallPlace>()

  function placeOf(given: string | URL): CallPlace {
    const key = String(given)
    const known = places.get(key)
    if (known !== undefined) return known
    const place = callPlace(key)
    if (places.size < MOST_PLACES) places.set(key, place)
    return place
  }

  function begin(request: PublishedRequest): void {
    const at = indexOfTraceparent(request.headers)
    const parent = at === -1 ? activeParent() : contextOfTraceparent(request.headers[at + 1])
    if (parent === null) return
    const span = tracer.startSpan(request.method, { kind: SpanKind.CLIENT }, parent)
    if (isSampled(span)) describe(span, request)
    const traceparent = traceparentOf(span.spanContext())
    if (at === -1) request.headers.push('traceparent', traceparent)
    else request.headers[at + 1] = traceparent
    request[SPAN] = span
  }

  function describe(span: Span, { origin, path, method }: PublishedRequest): void {
    const place = placeOf(origin)
    span.setAttributes({
      'http.request.method': method,
      ...place.attributes,
      'url.full': place.origin + pathWithoutQuery(path)
    })
  }

  function end(request: PublishedRequest, error: unknown): void {
    const span = request[SPAN]
    if (span === undefined || span === null) return
    request[SPAN] = null
    if (error !== null) {
      if (!isSampled(span)) describe(span, request)
      failSpan(span, error)
    }
    span.end()
  }

  function noteStatus(request: PublishedRequest, statusCode: number): void {
    const span = request[SPAN]
    if (span === undefined || span === null) return
    if (statusCode < 400) {
      if (isSampled(span)) span.setAttribute('http.response.status_code', statusCode)
      return
    }
    if (!isSampled(span)) describe(span, request)
    span.setAttributes({ 'http.response.status_code': statusCode, 'error.type': String(statusCode) })
    span.setStatus({ code: SpanStatusCode.ERROR })
  }

  return subscribeAll({
    'undici:request:create': message => {
      if (isPublished(message)) begin(message.request)
    },
    'undici:request:headers': message => {
      if (isPublished(message) && isAnswer(message)) noteStatus(message.request, message.response.statusCode)
    },
    'undici:request:trailers': message => {
      if (isPublished(message)) end(message.request, null)
    },
    'undici:request:error': message => {
      if (isPublished(message)) end(message.request, 'error' in message ? message.error : null)
    }
  })
}

/** Notes a failure by the name of its kind: what its message says may be anything. */
export function failSpan(span: Span, error: unknown): void {
  const name = error instanceof Error ? error.name : 'Error'
  span.setAttribute('error.type', errorCode(error) ?? name)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

function subscribeAll(listeners: Readonly<Record<string, ChannelListener>>): () => void {
  for (const [channel, listener] of Object.entries(listeners)) subscribe(channel, listener)
  return () => {
    for (const [channel, listener] of Object.entries(listeners)) unsubscribe(channel, listener)
  }
}

function callPlace(origin: string): CallPlace {
  const url = new URL(origin)
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return { origin: url.origin, attributes: { 'server.address': url.hostname, 'server.port': port } }
}

function activeParent(): Context | null {
  const active = context.active()
  return trace.getSpanContext(active) === undefined ? null : active
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
