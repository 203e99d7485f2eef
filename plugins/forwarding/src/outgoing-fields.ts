import { REQUEST_ID_HEADER, TIMEOUT_HEADER, TXN_HEADER } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import { clientFields } from './forwarded-headers.ts'
import type { ForwardingOptions } from './options.ts'
import { rewritePath, type TableRoute } from './table-route.ts'

/** What the header of a request to a service is made of, beside the request. */
export interface OutgoingHead {
  readonly route: TableRoute
  readonly tracingHeaders: NonNullable<ForwardingOptions['tracingHeaders']>
  readonly edgeAddress: NonNullable<ForwardingOptions['edgeAddress']>
}

/** What a request to a service carries of its own. */
export interface OutgoingClaims {
  /** The credential that goes on; `null` for none. */
  readonly token: string | null
  /** When the answer has to begin, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number
  /** What the service gets, where that is not the request itself. */
  readonly sentAs?: { readonly method: string; readonly path: string }
}

/**
 * The header fields of a request to a service, names and values in turn: those of the client that pass, then ours. The
 * service learns how much time is left: what it has not begun to answer by then, nobody waits for.
 */
export function outgoingFields(
  request: FastifyRequest,
  { route, tracingHeaders, edgeAddress }: OutgoingHead,
  { token, deadlineAtMs, sentAs }: OutgoingClaims
): string[] {
  const { method } = request
  const hasNoBody = method === 'GET' || method === 'HEAD'
  const fields = clientFields(request.raw.rawHeaders, hasNoBody ? route.passing.withoutBody : route.passing.withBody)
  const edge = edgeAddress(request)
  // undici names the target that it connects to.
  if (route.upstream.host !== null) fields.push('host', route.upstream.host)
  fields.push(REQUEST_ID_HEADER, request.id)
  fields.push(TIMEOUT_HEADER, String(Math.max(1, Math.ceil(deadlineAtMs - performance.now()))))
  if (token !== null) fields.push(...credentialFields(request, route, { token, sentAs }))
  // Absent in an app without the security context.
  const { txn }: Partial<Pick<FastifyRequest, 'txn'>> = request
  if (txn !== undefined) fields.push(TXN_HEADER, txn)
  fields.push('x-forwarded-for', request.ip, 'x-forwarded-host', edge.host, 'x-forwarded-proto', edge.scheme)
  if (route.setFields.length > 0) fields.push(...route.setFields)
  const tracing = tracingHeaders(request)
  for (const name in tracing) fields.push(name, tracing[name] ?? '')
  return fields
}

/**
 * The fields of a credential. The caller's own token, where it is bound to a key of this process, goes with a proof for
 * the request as the service gets it, at the first origin of the upstream.
 * @see RFC 9449 §7.1
 */
function credentialFields(
  request: FastifyRequest,
  route: TableRoute,
  { token, sentAs }: { readonly token: string; readonly sentAs: OutgoingClaims['sentAs'] }
): readonly string[] {
  // Absent in an app without the security context.
  const { dpopKey = null }: Partial<Pick<FastifyRequest, 'dpopKey'>> = request
  if (route.credential !== 'token' || dpopKey === null) return ['authorization', `Bearer ${token}`]
  const { method, path } = sentAs ?? { method: request.method, path: outgoingTarget(request, route) }
  const proof = dpopKey.prove({ method, url: route.origin + path, accessToken: token })
  return ['authorization', `DPoP ${token}`, 'dpop', proof]
}

/** Path and query of a request at the service: what was received, but for a rewritten prefix. */
export function outgoingTarget({ raw: { url = '/' } }: FastifyRequest, { rewriting }: TableRoute): string {
  if (rewriting.to === null) return url
  const queryAt = url.indexOf('?')
  if (queryAt === -1) return rewritePath(rewriting, url)
  return rewritePath(rewriting, url.slice(0, queryAt)) + url.slice(queryAt)
}
