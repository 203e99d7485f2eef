import type { Readable } from 'node:stream'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { BodyTooLargeError, UpstreamRefusedTokenError } from '../errors.ts'
import { requestHeaders, responseHeaders } from '../hygiene/forwarded-headers.ts'
import { METHODS } from '../hygiene/index.ts'
import { limitBody } from './body-limit.ts'
import { forwardFailure } from './upstream-failure.ts'
import type { Route } from './upstreams.ts'

type HopOptions = NonNullable<FastifyHttpProxyOptions['replyOptions']>

/** How requests are forwarded. */
export interface ForwardOptions {
  readonly routes: readonly Route[]
  /** Verifies the services' certificates. `@fastify/reply-from` would not: a client that it makes itself verifies nothing. */
  readonly dispatcher: Dispatcher
  readonly maxBodyBytes: number
  /** Limit for the answer's head, and for each pause in its body, in ms. */
  readonly upstreamTimeoutMs: number
  /** Lower-case names of request headers that pass beside the built-in ones. */
  readonly additionalRequestHeaders: readonly string[]
  /** `traceparent` of the next hop. */
  readonly tracingHeaders: (request: FastifyRequest) => Readonly<Record<string, string>>
}

/**
 * The routes to the services. Each request carries a token of its own for the one service it goes to; the caller's
 * credentials stay here. Needs authentication and token exchange before it.
 */
export async function forwardRoutes (fastify: FastifyInstance, options: ForwardOptions): Promise<void> {
  // Bodies pass as they came: parsed and written anew they could mean something else to the service.
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', function passBody (_request, payload, done) { done(null, limitBody(payload, options.maxBodyBytes)) })
  fastify.addHook('preParsing', function refuseDeclaredLength (request, reply, _payload, done) {
    if (Number(request.headers['content-length'] ?? 0) <= options.maxBodyBytes) return done()
    request.securityEvents.push({ stage: 'forward', outcome: 'denied', reason: 'body-too-large' })
    void reply.header('connection', 'close')
    done(new BodyTooLargeError())
  })
  for (const route of options.routes) {
    await fastify.register(httpProxy, {
      prefix: route.prefix,
      rewritePrefix: route.rewritePrefix,
      upstream: route.origin,
      undici: asProxyClient(options.dispatcher),
      httpMethods: [...METHODS],
      proxyPayloads: false,
      disableRequestLogging: true,
      // The service writes the effect to its own trail; refusals at the edge are written here.
      config: { access: 'authenticated', audit: 'none' },
      handler: async function forward (request, reply, destination, proxied) {
        const token = await request.exchangeToken(route.audience)
        return reply.from(destination, hopOptions({ request, reply, route, token, options, rewriteLocation: proxied.rewriteHeaders }))
      }
    })
  }
}

/** reply-from declares the types of another major of undici; what it calls is `request(options, callback)`, the same in both. */
function asProxyClient (dispatcher: Dispatcher): NonNullable<FastifyHttpProxyOptions['undici']> {
  return dispatcher as unknown as NonNullable<FastifyHttpProxyOptions['undici']>
}

interface Hop {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: Route
  readonly token: string
  readonly options: ForwardOptions
  /** http-proxy's own: relative redirects get the gateway's prefix, and header values lose what HTTP does not allow. */
  readonly rewriteLocation: HopOptions['rewriteHeaders']
}

/** What one forwarded request does on its way out and on its way back. */
function hopOptions ({ request, reply, route, token, options, rewriteLocation }: Hop): HopOptions {
  const { origin, audience } = route
  return {
    timeout: options.upstreamTimeoutMs,
    // Not `maxRetriesOn503: 0`: reply-from reads 0 as its default of ten.
    retryDelay: () => null,
    rewriteRequestHeaders: () => requestHeaders(clientHeaders(request), options.additionalRequestHeaders, {
      host: new URL(origin).host,
      authorization: `Bearer ${token}`,
      'x-request-id': request.id,
      'x-forwarded-for': request.ip,
      'x-forwarded-host': request.host,
      'x-forwarded-proto': request.protocol,
      ...options.tracingHeaders(request)
    }),
    rewriteHeaders: received => {
      const headers = responseHeaders(withoutOrigin(received, origin))
      return rewriteLocation?.(headers) ?? headers
    },
    onResponse: (_request, _reply, answer) => { passAnswer(request, reply, answer.stream, audience) },
    onError: (_reply, { error }) => { answerFailure(request, reply, error, audience) }
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Fastify reads no body of GET and HEAD, so the next hop must not be promised one. */
function clientHeaders ({ method, headers }: FastifyRequest): Headers {
  if (method !== 'GET' && method !== 'HEAD') return headers
  return { ...headers, 'content-length': undefined, 'content-type': undefined, 'content-encoding': undefined }
}

/** An absolute redirect to the service itself would tell its inner address, and could not be followed. */
function withoutOrigin (headers: Headers, origin: string): Headers {
  const { location } = headers
  return typeof location === 'string' && location.startsWith(`${origin}/`) ? { ...headers, location: location.slice(origin.length) } : headers
}

/**
 * A 401 of the service is not the client's to answer: its credentials are fine here. The session most likely ended or
 * changed a moment ago, which the next request will notice; so this one is to be tried again.
 */
function passAnswer (request: FastifyRequest, reply: FastifyReply, stream: Readable, audience: string): void {
  if (reply.statusCode !== 401) {
    void reply.send(stream)
    return
  }
  stream.destroy()
  request.dropExchangedToken(audience)
  request.securityEvents.push({ stage: 'forward', outcome: 'failure', reason: 'upstream-refused-token', detail: { audience } })
  for (const name of ['content-length', 'content-encoding', 'content-type', 'etag', 'last-modified']) reply.removeHeader(name)
  void reply.send(Object.assign(new UpstreamRefusedTokenError(), { headers: { 'retry-after': '1' } }))
}

function answerFailure (request: FastifyRequest, reply: FastifyReply, cause: Error, audience: string): void {
  const { error, event } = forwardFailure(cause, audience)
  request.securityEvents.push(event)
  // What is left of the body was not read: the connection cannot carry another request.
  if (!request.raw.complete) void reply.header('connection', 'close')
  void reply.send(error)
}
