import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel'
import { context, SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api'
import { errorCode } from '@sallyport/security-context/mechanics'
import { contextOfTraceparent, traceparentOf } from './traceparent.ts'

/** What is used of undici's request, which its diagnostics channels publish. */
interface PublishedRequest {
  readonly origin: string | URL
  readonly path: string
  readonly method: string
  /** Names and values in turn, as they are about to be written. */
  readonly headers: unknown[]
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
  const spans = new WeakMap<object, Span>()

  function begin(request: PublishedRequest): void {
    const at = request.headers.findIndex((name, index) => index % 2 === 0 && isTraceparent(name))
    const parent = at === -1 ? activeParent() : contextOfTraceparent(request.headers[at + 1])
    if (parent === null) return
    const attributes = callAttributes(request)
    const span = tracer.startSpan(request.method, { kind: SpanKind.CLIENT, attributes }, parent)
    const traceparent = traceparentOf(span.spanContext())
    if (at === -1) request.headers.push('traceparent', traceparent)
    else request.headers[at + 1] = traceparent
    spans.set(request, span)
  }

  function end(request: object, error: unknown): void {
    const span = spans.get(request)
    if (span === undefined) return
    spans.delete(request)
    if (error !== null) failSpan(span, error)
    span.end()
  }

  function noteStatus(request: object, statusCode: number): void {
    const span = spans.get(request)
    if (span === undefined) return
    span.setAttribute('http.response.status_code', statusCode)
    if (statusCode < 400) return
    span.setAttribute('error.type', String(statusCode))
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

function callAttributes({ origin, path, method }: PublishedRequest): Record<string, string | number> {
  const url = new URL(String(origin))
  const query = path.indexOf('?')
  return {
    'http.request.method': method,
    'server.address': url.hostname,
    'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    'url.full': url.origin + (query === -1 ? path : path.slice(0, query))
  }
}

function activeParent(): Context | null {
  const active = context.active()
  return trace.getSpanContext(active) === undefined ? null : active
}

const isTraceparent = (name: unknown): boolean => typeof name === 'string' && name.toLowerCase() === 'traceparent'

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
