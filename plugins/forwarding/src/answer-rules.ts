import { recordSecurityEvent } from '@sallyport/security-context'
import type { FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyError } from '@fastify/error'
import type { FastifyRequest } from 'fastify'
import { ForwardFailedError, ForwardedTokenRefusedError } from './errors.ts'
import { responseHeaders } from './forwarded-headers.ts'
import type { ForwardRoute } from './forward-route.ts'
import { ofService } from './service-failure.ts'
import { tryAgain } from './upstream-failure.ts'

/** That of http-proxy: relative redirects get the prefix of the gateway. */
export type HeaderRewrite = NonNullable<NonNullable<FastifyHttpProxyOptions['replyOptions']>['rewriteHeaders']>

/** Header fields of a service's answer, by lower-case name. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * The error to answer in place of a service's answer, `null` for an answer that passes. A 401 of the service is not the
 * fault of the client, whose credentials are good here. Most likely the session ended or changed a moment ago, and the
 * next request will notice; so the client should try again.
 */
export function refusalOfAnswer(
  request: FastifyRequest,
  { audience }: ForwardRoute,
  statusCode: number
): FastifyError | null {
  if (statusCode === 401) {
    request.dropExchangedToken(audience)
    recordSecurityEvent(request, {
      stage: 'forward',
      outcome: 'failure',
      reason: 'upstream-refused-token',
      detail: { audience }
    })
    return tryAgain(new ForwardedTokenRefusedError())
  }
  if (statusCode <= 599) return null
  return ofService(new ForwardFailedError({ cause: new Error(`The service answered ${statusCode}`) }), audience)
}

/** The header fields of a service's answer as clients see them. */
export function passedHeaders(
  headers: AnswerHeaders,
  { origin }: ForwardRoute,
  rewriteLocation: HeaderRewrite | undefined
): Record<string, string | string[]> {
  const passed = responseHeaders(headers)
  const { location } = passed
  if (typeof location !== 'string') return passed
  // An absolute redirect to the service itself would expose its internal address, and clients could not follow it.
  const own = location.startsWith(`${origin}/`) ? location.slice(origin.length) : location
  const rewritten = rewriteLocation?.({ location: own }).location
  return { ...passed, location: typeof rewritten === 'string' ? rewritten : own }
}
