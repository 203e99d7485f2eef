import type { Readable } from 'node:stream'
import { REQUEST_ID_HEADER, TXN_HEADER } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { requestHeaders } from './forwarded-headers.ts'
import type { ForwardOptions } from './options.ts'
import { ofService } from './service-failure.ts'
import type { ForwardRoute } from './forward-route.ts'

/** A request on its way to a service. */
export interface OutgoingRequest {
  readonly request: FastifyRequest
  /** Path at the service, in canonical form; the query is that of the request. */
  readonly path: string
  /** The exchanged token. */
  readonly token: string
  readonly route: ForwardRoute
  /** `Host` of the service: that of the route's origin. */
  readonly host: string
  readonly options: Pick<ForwardOptions, 'dispatcher' | 'additionalRequestHeaders' | 'tracingHeaders' | 'edgeAddress'>
  readonly signal: AbortSignal
  /** Limit for each pause in the answer's body, in ms. */
  readonly pauseMs: number
}

type ClientHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * Sends a request to its service, once. Of undici's limits only that of pauses is used, because its clocks start when a
 * request is written.
 * @throws what `answerableFailure` names
 */
export async function sendRequest({
  request,
  path,
  token,
  route,
  host,
  options,
  signal,
  pauseMs
}: OutgoingRequest): Promise<Dispatcher.ResponseData> {
  const { origin, audience } = route
  const edge = options.edgeAddress(request)
  const queryAt = request.url.indexOf('?')
  try {
    return await options.dispatcher.request({
      origin,
      path: queryAt === -1 ? path : path + request.url.slice(queryAt),
      method: request.method,
      headers: requestHeaders(clientHeaders(request), options.additionalRequestHeaders, {
        host,
        authorization: `Bearer ${token}`,
        [REQUEST_ID_HEADER]: request.id,
        [TXN_HEADER]: request.txn,
        'x-forwarded-for': request.ip,
        'x-forwarded-host': edge.host,
        'x-forwarded-proto': edge.scheme,
        ...options.tracingHeaders(request)
      }),
      body: bodyToSend(request),
      signal,
      headersTimeout: 0,
      bodyTimeout: pauseMs
    })
  } catch (error) {
    throw ofService(error, audience)
  }
}

/** Fastify reads no body of GET and HEAD, so the next hop must not expect one. */
function clientHeaders({ method, headers }: FastifyRequest): ClientHeaders {
  if (method !== 'GET' && method !== 'HEAD') return headers
  return { ...headers, 'content-length': undefined, 'content-type': undefined, 'content-encoding': undefined }
}

function bodyToSend({ body }: FastifyRequest): Readable | null {
  return isReadable(body) ? body : null
}

function isReadable(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}
