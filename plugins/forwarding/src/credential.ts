import type { FastifyRequest } from 'fastify'
import { CallerUnknownError, CallerTokenMissingError } from './errors.ts'
import type { ExchangedCredential } from './route-options.ts'
import type { TableRoute } from './table-route.ts'

/**
 * The token that goes on with a request, `null` for none. An exchange is the only one that takes time.
 * @throws {CallerUnknownError} `SALLYPORT_FORWARDING_CALLER_UNKNOWN`, and {CallerTokenMissingError}
 * `SALLYPORT_FORWARDING_CALLER_TOKEN_MISSING`
 */
export function findCredential(
  request: FastifyRequest,
  { credential, isPublic }: TableRoute
): Promise<string> | string | null {
  // Also where an authentication of the app's own forgot to refuse.
  const { principal, accessToken }: Partial<FastifyRequest> = request
  if (!isPublic && (principal === null || principal === undefined)) {
    throw Object.assign(new CallerUnknownError(), { headers: { 'www-authenticate': 'Bearer' } })
  }
  if (credential === 'none') return null
  if (credential !== 'token') return exchangedToken(request, credential)
  if (typeof accessToken !== 'string') throw new CallerTokenMissingError()
  return accessToken
}

/** A token that is known is there without a promise; the slot is absent in an app with an exchange of its own. */
function exchangedToken(request: FastifyRequest, { audience, scope }: ExchangedCredential): Promise<string> | string {
  const { knownExchangedToken }: Partial<FastifyRequest> = request
  return knownExchangedToken?.call(request, audience, scope) ?? request.exchangeToken(audience, scope)
}
