import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyError } from '@fastify/error'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { allowReading } from './cors.ts'
import { ForwardFailedError, ForwardedTokenRefusedError } from './errors.ts'
import { responseHeaders } from './forwarded-headers.ts'
import { ofService } from './service-failure.ts'
import { rewriteLocation, type TableRoute } from './table-route.ts'
import { tryAgain } from './upstream-failure.ts'

/** Header fields of a service's answer, by lower-case name. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * The error to answer in place of a service's answer, `null` for an answer that passes. A 401 of the service is not the
 * fault of the client, whose credentials are good here. Most likely the session ended or changed a moment ago, and the
 * next request will notice; so the client should try again.
 */
export function refusalOfAnswer(
  request: FastifyRequest,
  { audience, credential }: TableRoute,
  statusCode: number,
  headers: AnswerHeaders
): FastifyError | null {
  // Without a credential of ours the answer is about something else, and passes.
  if (statusCode === 401 && credential !== 'none') {
    if (credential !== 'token') request.dropExchangedToken(credential.audience, credential.scope)
    recordSecurityEvent(request, {
      stage: 'forward',
      outcome: 'failure',
      reason: 'upstream-refused-token',
      detail: { audience }
    })
    return tryAgain(new ForwardedTokenRefusedError())
  }
  const mistake = mistakeOfAnswer(statusCode, headers['transfer-encoding'])
  return mistake === null ? null : ofService(new ForwardFailedError({ cause: new Error(mistake) }), audience)
}

/** What makes an answer none that can be passed on; undici undoes no coding but `chunked`. @see RFC 9112 §6.1 */
function mistakeOfAnswer(statusCode: number, coding: string | string[] | undefined): string | null {
  if (statusCode > 599) return `The service answered ${statusCode}`
  if (coding === undefined || String(coding).toLowerCase() === 'chunked') return null
  return `The service answered in the transfer coding ${String(coding)}`
}

/** The head of a service's answer, and where it goes. */
export interface AnswerHead {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: TableRoute
  readonly statusCode: number
  readonly headers: AnswerHeaders
}

/**
 * Puts the head of a service's answer on the reply, as the route wants clients to see it.
 * @returns the header fields that it put there, those of the route included; see {@link withdrawHead}
 */
export function putHead(head: AnswerHead): Record<string, string | string[]> {
  const { request, reply, route, statusCode } = head
  // A 401 under a credential of ours does not come here: see `refusalOfAnswer`.
  const passed = responseHeaders(head.headers, statusCode === 401)
  const { location } = passed
  if (location !== undefined) {
    passed['location'] =
      typeof location === 'string' ? clientLocation(location, route) : location.map(each => clientLocation(each, route))
  }
  void reply.code(statusCode).headers(withRules(passed, route, statusCode))
  if (route.cors !== null) allowReading(request, reply, route.cors)
  return passed
}

/** Takes the head of an answer off the reply again, for an error in its place, which is nothing to keep. */
export function withdrawHead(reply: FastifyReply, put: AnswerHeaders): FastifyReply {
  for (const name in put) void reply.removeHeader(name)
  return reply.header('cache-control', 'no-store')
}

function withRules(
  fields: Record<string, string | string[]>,
  { answerRules: { remove, set, cacheControl } }: TableRoute,
  statusCode: number
): Record<string, string | string[]> {
  for (const name of remove) Reflect.deleteProperty(fields, name)
  for (const name in set) fields[name] = set[name] ?? ''
  // An error is nothing to keep for as long as an answer.
  if (cacheControl !== null && statusCode < 400) fields['cache-control'] = cacheControl
  return fields
}

/** An absolute redirect to the service itself would expose its internal address, and clients could not follow it. */
function clientLocation(location: string, { upstream, rewriting }: TableRoute): string {
  const origin = upstream.origins.find(each => location.startsWith(each))
  const rest = origin === undefined ? null : location.slice(origin.length)
  if (rest === null || !/^(?:$|[/?#])/.test(rest)) return rewriteLocation(rewriting, location)
  return rewriteLocation(rewriting, rest.startsWith('/') ? rest : `/${rest}`)
}
