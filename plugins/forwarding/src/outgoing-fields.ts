import { REQUEST_ID_HEADER, TXN_HEADER } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import { type PassingNames, requestFields } from './forwarded-headers.ts'
import type { ForwardOptions } from './options.ts'

/** What the header of a request to a service is made of, beside the request. */
export interface OutgoingHead {
  /** `Host` of the service: that of the route's origin. */
  readonly host: string
  readonly passing: PassingNames
  readonly options: Pick<ForwardOptions, 'tracingHeaders' | 'edgeAddress'>
}

/**
 * The header fields of a request to a service, names and values in turn: those of the client that pass, then ours.
 * @param token the exchanged one
 */
export function outgoingFields(
  request: FastifyRequest,
  { host, passing, options }: OutgoingHead,
  token: string
): string[] {
  const { method } = request
  const hasNoBody = method === 'GET' || method === 'HEAD'
  const fields = requestFields(request.raw.rawHeaders, hasNoBody ? passing.withoutBody : passing.withBody)
  const edge = options.edgeAddress(request)
  fields.push('host', host, 'authorization', `Bearer ${token}`)
  fields.push(REQUEST_ID_HEADER, request.id, TXN_HEADER, request.txn)
  fields.push('x-forwarded-for', request.ip, 'x-forwarded-host', edge.host, 'x-forwarded-proto', edge.scheme)
  const tracing = options.tracingHeaders(request)
  for (const name in tracing) fields.push(name, tracing[name] ?? '')
  return fields
}

/** Path and query of a request at the service. */
export function outgoingTarget({ url }: FastifyRequest, path: string): string {
  const queryAt = url.indexOf('?')
  return queryAt === -1 ? path : path + url.slice(queryAt)
}
