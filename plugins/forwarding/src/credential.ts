import type { FastifyRequest } from 'fastify'
import { CallerUnknownError, CallerWithoutTokenError } from './errors.ts'
import type { TableRoute } from './table-route.ts'

/**
 * The token that goes on with a request, `null` for none. An exchange is the only one that takes time.
 * @throws {CallerUnknownError} `SALLYPORT_FORWARDING_CALLER_UNKNOWN`, and {CallerWithoutTokenError}
 * `SALLYPORT_FORWARDING_CALLER_WITHOUT_TOKEN`
 */
export function findCredential(
  request: FastifyRequest,
  { credential, isPublic }: TableRoute
): Promise<string> | string | null {
  // Also where an authentication of the app's own forgot to refuse.
  const { principal, accessToken }: Partial<Pick<FastifyRequest, 'principal' | 'accessToken'>> = request
  if (!isPublic && (principal === null || principal === undefined)) {
    throw Object.assign(new CallerUnknownError(), { headers: { 'www-authenticate': 'Bearer' } })
  }
  if (credential === 'none') return null
  if (credential !== 'token') return request.exchangeToken(credential.audience, credential.scope)
  if (typeof accessToken !== 'string') throw new CallerWithoutTokenError()
  return accessToken
}
